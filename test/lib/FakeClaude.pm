# A Messages API for tests: it refuses what the real one refuses, says what it
# is told to say, or thinks a little by itself, and writes down all it was
# asked. On 127.0.0.1, a process for each connection; it ends with its test.
#
#   my $fake = FakeClaude->new(mode => 'think');
#   ... selfheal.api_url = $fake->url, key = $fake->key ...
#   $fake->set_script([ { tools => [ [ inspect_schema => { table => 't' } ] ] },
#                       { status => 429, retry_after => 1 }, sub { ... } ]);
#   is($fake->count, 3);
#
# Options of new (all but mode, script and otherwise stay as they are):
#   key          the one that is accepted
#   mode         script, think (default), obey: does what it finds behind
#                'SELFHEAL-INJECT:', then thinks
#   script       steps, see below; otherwise: the mode when no step is left
#   kind         claude, bedrock (base path /anthropic, ids with a prefix),
#                ollama (no key, and refuses what such servers do not know)
#   base_path    before /v1/messages
#   new_account  1: thinking blocks are bound to their prefix on all models
#                that can; 0: only on those that always do
#   betas        values of anthropic-beta that are known
#   size_limit   of a body in bytes; context: tokens instead of the model's
#   pace         seconds that each answer of a model takes
#   life         seconds after which it is gone at the latest; parent: the
#                process it ends with
#
# A step is a hash, or a sub that gets a FakeClaude::Conversation and returns
# one. Steps are taken in their order, each once; with `when` (a pattern on
# what was said, or a sub that gets the conversation) or `turn` (how often the
# model has spoken) only where that is so, and then as often as it is, or
# `times`. What a step can say:
#   text, thinking (text; 0: no block), shown (its text is shown), redacted
#   tools => [ [name => {...}] or { name, input, id }, ... ], as_text
#   content => [blocks] instead, as they are; with sign: after the thinking
#   cut => [name => {...}]   a call cut in half by max_tokens
#   refusal => category, stop_reason, usage => {...}, fields => {...}
#   status, error => { type, message, details }, retry_after, retry_after_ms,
#   should_retry, headers => [...], html (Cloudflare's page), body => bytes,
#   type => content type
#   delay => seconds before the answer, hang => seconds and then no answer,
#   reset (1: before the answer, 'half': in its middle), truncate, slow =>
#   seconds for the body, chunked, gzip, garbage => bytes instead of HTTP,
#   close, late_error (streaming: an error after the 200)
package FakeClaude;

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Scalar::Util ();
use Time::HiRes qw(time sleep);

use FakeClaude::Json qw(from_json plain);
use FakeClaude::Server;

my %running;

sub new
{
	my ($class, %options) = @_;
	my $kind = $options{kind} || 'claude';
	my $self = bless {
		key => 'sk-ant-fake-' . join('', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 32),
		mode => 'think', otherwise => 'refuse', script => [], kind => $kind, betas => [],
		base_path => $kind eq 'bedrock' ? '/anthropic' : '',
		new_account => 1, size_limit => 32 * 1024 * 1024, pace => 0, life => 900, parent => $$,
		secret => join('', map { chr 33 + rand 90 } 1 .. 32), %options,
		owner => $$, generation => 0,
		dir => File::Temp::tempdir('fake_claude_XXXXXX', TMPDIR => 1, CLEANUP => 1),
	}, $class;
	$self->{until} = time + $self->{life};
	mkdir "$self->{dir}/cache";
	$self->{socket} = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $options{port} || 0, Proto => 'tcp', Listen => 128, ReuseAddr => 1)
	  or die "could not listen on 127.0.0.1: $@";
	$self->{mode} = 'script' if $options{script} && !$options{mode};
	$self->begin;
	Scalar::Util::weaken($running{$self} = $self);
	return $self;
}

sub port { return $_[0]{socket}->sockport }
sub key  { return $_[0]{key} }

# What belongs before /v1/messages.
sub url
{
	my ($self) = @_;
	return 'http://127.0.0.1:' . $self->port . $self->{base_path};
}

# ---- the process that accepts ----

sub touch
{
	my ($file, $text) = @_;
	open my $fh, '>', "$file.new" or die "could not write $file: $!";
	print $fh defined $text ? $text : '';
	close $fh;
	rename "$file.new", $file;
	return;
}

sub begin
{
	my ($self) = @_;
	touch("$self->{dir}/generation", ++$self->{generation});
	my $pid = fork;
	die "could not fork: $!" unless defined $pid;
	if (!$pid)
	{
		eval { FakeClaude::Server::accept_all($self); 1 } or warn "fake: $@";
		POSIX::_exit(0);
	}
	$self->{pid} = $pid;
	return;
}

# The process that accepts ends; connections that wait for a request too, those
# that have one answer it by their old script.
sub finish
{
	my ($self) = @_;
	my $old = $self->{generation};
	touch("$self->{dir}/generation", $old + 1);
	kill TERM => $self->{pid};
	{ local ($?, $!); waitpid $self->{pid}, 0; }
	if (open my $idle, '>>', "$self->{dir}/idle.$old")
	{
		my $until = time + 10;
		sleep 0.01 until flock($idle, LOCK_EX | LOCK_NB) || time > $until;
		close $idle;
		unlink "$self->{dir}/idle.$old";
	}
	return;
}

# New steps from here on; otherwise: the mode when none of them is left.
sub set_script
{
	my ($self, $steps, %more) = @_;
	$self->finish;
	unlink "$self->{dir}/steps";
	@$self{qw(script mode otherwise)} = ($steps, 'script', $more{otherwise} || 'refuse');
	$self->begin;
	return;
}

# think or obey; also other options (pace, context, ...).
sub set_mode
{
	my ($self, $mode, %more) = @_;
	$self->finish;
	unlink "$self->{dir}/steps";
	%$self = (%$self, %more, mode => $mode);
	$self->begin;
	return;
}

sub stop
{
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{stopped}++;
	touch("$self->{dir}/stop");
	$self->finish;
	close $self->{socket};
	delete $running{$self};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);
	$self->stop;
	return;
}

# Objects that live to the end of the test: before their directory goes.
END
{
	local ($?, $!);
	$_->stop for grep { defined } values %running;
}

# ---- holding ----

# No answer to anything for so many seconds, or until release.
sub hold
{
	my ($self, $seconds) = @_;
	return touch("$self->{dir}/hold", time + $seconds);
}

sub release
{
	my ($self) = @_;
	unlink "$self->{dir}/hold";
	return;
}

# ---- what was asked ----

# All requests: [{ n, at, method, path, headers (the key is replaced), raw,
# body, model, turn, status, message (of an error), reply, raw_reply,
# request_id, seconds, step, mode, advice }]; those without an answer yet have
# no status. Filters: path, like (a pattern on the raw body), status.
sub requests
{
	my ($self, %only) = @_;
	my (%by_n, @requests);
	open my $fh, '<', "$self->{dir}/log" or return;
	while (my $line = <$fh>)
	{
		next unless $line =~ /\n\z/;
		my $entry = plain(from_json($line));
		if ($by_n{ $entry->{n} }) { %{ $by_n{ $entry->{n} } } = (%{ $by_n{ $entry->{n} } }, %$entry); next }
		$by_n{ $entry->{n} } = $entry;
		push @requests, $entry;
	}
	close $fh;
	@requests = grep {
		(!defined $only{path} || $_->{path} eq $only{path})
		  && (!defined $only{like} || $_->{raw} =~ $only{like})
		  && (!defined $only{status} || (defined $_->{status} && $_->{status} == $only{status}))
	} @requests;
	for my $request (@requests)
	{
		$request->{body} = eval { plain(from_json($request->{raw})) };
		$request->{reply} = eval { plain(from_json($request->{raw_reply})) } if defined $request->{raw_reply};
	}
	return @requests;
}

sub last_request
{
	my ($self, %only) = @_;
	my @requests = $self->requests(%only);
	return $requests[-1];
}

# Lines of the log with this text: quickly, since tests wait by it. A quote in
# what was sent is escaped there, so no body looks like a field.
sub lines_with
{
	my ($self, $text) = @_;
	my $count = 0;
	open my $fh, '<', "$self->{dir}/log" or return 0;
	while (my $line = <$fh>) { $count++ if index($line, $text) >= 0 && $line =~ /\n\z/ }
	close $fh;
	return $count;
}

# How many POSTs of messages there were; filters as for requests.
sub count
{
	my ($self, %only) = @_;
	my $path = "$self->{base_path}/v1/messages";
	return $self->lines_with(qq("path":"$path",)) unless %only;
	my @requests = $self->requests(path => $path, %only);
	return scalar @requests;
}

# How many of all have no answer yet.
sub in_flight
{
	my ($self) = @_;
	return $self->lines_with('"method":') - $self->lines_with('"seconds":');
}

# Wait until so many POSTs of messages have come; false after the timeout.
sub wait_for_count
{
	my ($self, $count, $timeout) = @_;
	my $until = time + (defined $timeout ? $timeout : 120);
	sleep 0.05 until $self->count >= $count || time > $until;
	return $self->count >= $count;
}

sub log_file { return "$_[0]{dir}/log" }

# What the fake complained of itself: faults of scripts.
sub faults
{
	my ($self) = @_;
	open my $fh, '<', "$self->{dir}/faults" or return '';
	local $/;
	return scalar <$fh>;
}

# Forget what was asked, and the cache.
sub forget
{
	my ($self) = @_;
	unlink "$self->{dir}/log", glob "$self->{dir}/cache/*";
	return;
}

1;
