# The fake's processes: one accepts, one for each connection answers.
package FakeClaude::Server;

use strict;
use warnings;

use Digest::SHA ();
use Encode ();
use Fcntl qw(:flock);
use File::Path ();
use FakeClaude::Check;
use FakeClaude::Conversation;
use FakeClaude::Error;
use FakeClaude::Json qw(to_json is_object);
use FakeClaude::Models;
use FakeClaude::Reply;
use FakeClaude::Think;
use FakeClaude::Wire;
use IO::Select;
use JSON::PP ();
use POSIX qw(WNOHANG strftime);
use Scalar::Util qw(blessed);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my $CONNECTIONS = 200;

my %TYPES = (
	400 => 'invalid_request_error', 401 => 'authentication_error', 402 => 'billing_error', 403 => 'permission_error',
	404 => 'not_found_error', 409 => 'conflict_error', 413 => 'request_too_large', 429 => 'rate_limit_error',
	500 => 'api_error', 503 => 'api_error', 504 => 'timeout_error', 529 => 'overloaded_error');

my $PAGE = <<'HTML';
<!DOCTYPE html>
<html lang="en-US"><head><title>api.anthropic.com | 502: Bad gateway</title></head>
<body><div id="cf-wrapper"><h1>Bad gateway <span>Error code 502</span></h1>
<p>The web server reported a bad gateway error.</p></div></body></html>
HTML

# ---- accepting ----

# Is the test still there, and our time not over?
sub alive
{
	my ($self) = @_;
	return time < $self->{until} && -d $self->{dir} && !-e "$self->{dir}/stop" && kill 0, $self->{parent};
}

sub current
{
	my ($self) = @_;
	open my $fh, '<', "$self->{dir}/generation" or return 0;
	my $now = <$fh>;
	close $fh;
	return defined $now && $now == $self->{generation};
}

# This process is a copy of the test's: nothing of the test may be kept open
# by it, or run at its end.
sub become_server
{
	my ($self) = @_;
	$SIG{$_} = 'DEFAULT' for qw(TERM INT HUP ALRM CHLD QUIT USR1 USR2);
	$SIG{PIPE} = 'IGNORE';
	delete @SIG{qw(__DIE__ __WARN__)};
	my $keep = fileno $self->{socket};

	# Not closed: perl counts the users of a number, and a file that gets it
	# next would never be closed.
	my $null = POSIX::open('/dev/null', POSIX::O_RDWR());
	for my $fd (grep { $_ != $keep && $_ != $null } 3 .. 255)
	{
		my $copy = POSIX::dup($fd);
		next unless defined $copy;
		POSIX::close($copy);
		POSIX::dup2($null, $fd);
	}
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', '/dev/null';
	open STDERR, '>>', "$self->{dir}/faults";
	STDERR->autoflush(1);
	srand;
	return;
}

sub accept_all
{
	my ($self) = @_;
	my %children;
	become_server($self);
	my $select = IO::Select->new($self->{socket});
	while (alive($self))
	{
		while ((my $pid = waitpid -1, WNOHANG) > 0) { delete $children{$pid} }
		next unless $select->can_read(0.1);
		if (keys %children >= $CONNECTIONS) { select undef, undef, undef, 0.02; next }
		my $connection = $self->{socket}->accept or next;
		my $pid = fork;
		if (defined $pid && !$pid)
		{
			close $self->{socket};
			setsockopt $connection, IPPROTO_TCP, TCP_NODELAY, 1;
			srand;
			eval { serve($self, $connection); 1 } or print STDERR ref $@ ? to_json($@) : $@, "\n";
			POSIX::_exit(0);
		}
		$children{$pid} = 1 if defined $pid;
		close $connection;
	}

	# a test that was killed could not clean up; a connection that has just
	# begun may still write
	for (1 .. 100)
	{
		last if !-d $self->{dir} || kill 0, $self->{parent};
		File::Path::remove_tree($self->{dir}, { error => \my $ignored });
		select undef, undef, undef, 0.05;
	}
	return;
}

# One connection to its end.
sub serve
{
	my ($self, $connection) = @_;
	my $buffer = '';
	my $alive = sub { return alive($self) };
	open my $idle, '>>', "$self->{dir}/idle.$self->{generation}" or return;
	for (;;)
	{
		# a newer script has a newer process: the client connects again
		flock $idle, LOCK_SH;
		my $waits = sub { return alive($self) && ($buffer ne '' || current($self)) };
		my $request = read_request($connection, \$buffer, $self->{size_limit}, $waits, sub { flock $idle, LOCK_UN })
		  or return;
		my $going = eval { answer($self, $connection, $request, $alive) };
		print STDERR ref $@ ? to_json($@) : $@, "\n" if $@;
		return unless $going && current($self);
	}
}

# ---- what is written down ----

# With the state file locked, so that numbers are given once.
sub locked
{
	my ($self, $code) = @_;
	open my $lock, '>>', "$self->{dir}/lock" or die "could not open the lock: $!";
	flock $lock, LOCK_EX;
	my $result = $code->();
	close $lock;
	return $result;
}

sub note_down
{
	my ($self, $entry) = @_;
	open my $fh, '>>', "$self->{dir}/log" or return;
	syswrite $fh, JSON::PP->new->ascii->canonical->encode($entry) . "\n";
	close $fh;
	return;
}

sub number
{
	my ($self) = @_;
	open my $fh, '+>>', "$self->{dir}/n" or die "could not open the counter: $!";
	seek $fh, 0, 0;
	my $n = (<$fh> || 0) + 1;
	truncate $fh, 0;
	print $fh $n;
	close $fh;
	return $n;
}

sub arrived
{
	my ($self, $request) = @_;
	my %headers = %{ $request->{headers} };
	for my $name (grep { exists $headers{$_} } qw(x-api-key authorization))
	{
		$headers{$name} =~ s/\Q$self->{key}\E/<key>/ or $headers{$name} = '<another>';
	}
	return locked($self, sub {
		my $n = number($self);
		note_down($self, {
			n => $n, at => time, method => $request->{method}, path => $request->{path},
			headers => \%headers, raw => $request->{body} });
		return $n;
	});
}

# ---- choosing a step ----

sub fits
{
	my ($step, $conversation) = @_;
	return 1 unless ref $step eq 'HASH';
	return 0 if defined $step->{turn} && $step->{turn} != $conversation->turn;
	my $when = $step->{when};
	return 1 unless defined $when;
	return ref $when eq 'CODE' ? $when->($conversation) : $conversation->said =~ $when;
}

# The next step of the script, and its number; or what the mode comes up with.
sub step_for
{
	my ($self, $conversation) = @_;
	my $mode = $self->{mode};
	if ($mode eq 'script')
	{
		my $index = locked($self, sub { return next_step($self, $conversation) });
		if (defined $index)
		{
			my $step = $self->{script}[$index];
			return ({ %{ ref $step eq 'CODE' ? $step->($conversation) : $step } }, $index, 'script');
		}
		$mode = $self->{otherwise};
	}
	return (think($conversation), undef, $mode) if $mode eq 'think';
	return (obey($conversation, $self->{goals}), undef, $mode) if $mode eq 'obey';
	return ({ status => 400, error => { message => 'fake: no step of the script is left for this request' } }, undef, $mode);
}

sub next_step
{
	my ($self, $conversation) = @_;
	my @used = ();
	if (open my $fh, '<', "$self->{dir}/steps") { @used = split ' ', scalar <$fh> || ''; close $fh }
	for my $index (0 .. $#{ $self->{script} })
	{
		my $step = $self->{script}[$index];
		my $always = ref $step eq 'HASH' && (defined $step->{when} || defined $step->{turn});
		my $times = ref $step eq 'HASH' && defined $step->{times} ? $step->{times} : $always ? undef : 1;
		next if defined $times && ($used[$index] || 0) >= $times;
		next unless fits($step, $conversation);
		$used[$index]++;
		open my $fh, '>', "$self->{dir}/steps" or die "could not write steps: $!";
		print $fh join ' ', map { $_ || 0 } @used;
		close $fh;
		return $index;
	}
	return;
}

# ---- answering ----

sub limits
{
	my $reset = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 60));
	my %limits = (requests => 4000, tokens => 2_400_000, 'input-tokens' => 2_000_000, 'output-tokens' => 400_000);
	return map {
		("anthropic-ratelimit-$_-limit" => $limits{$_}, "anthropic-ratelimit-$_-remaining" => $limits{$_} - 1,
			"anthropic-ratelimit-$_-reset" => $reset)
	} sort keys %limits;
}

# The whole of one request. False when the connection is at its end.
sub answer
{
	my ($self, $connection, $request, $alive) = @_;
	my $start = time;
	if ($request->{fault})
	{
		my %answer = (status => $request->{fault}, headers => [ 'content-type' => 'text/html' ], body => $PAGE, close => 1);
		return send_answer($connection, \%answer, {}, $alive);
	}
	my $n = arrived($self, $request);
	my %log = (n => $n, request_id => new_id('req'));
	my ($answer, $step) = eval { decide($self, $request, \%log, $alive) };
	if (my $error = $@)
	{
		if (!blessed $error)
		{
			print STDERR ref $error ? to_json($error) : $error, "\n";
			$error = { status => 500, type => 'api_error', message => 'fake: ' . (ref $error ? 'fault' : $error) };
		}
		$log{message} = $error->{message};
		$answer = { status => $error->{status}, body => error_body($error, $log{request_id}), headers => $error->{headers} || [] };
	}
	$step ||= {};
	nap($step->{delay}, $alive) if $step->{delay};
	hold_on($self, $alive, \%log);
	if ($step->{hang} || ($step->{reset} && $step->{reset} ne 'half'))
	{
		nap($step->{hang} || 0, $alive);
		note_down($self, { %log, seconds => time - $start });
		$step->{reset} ? reset_connection($connection) : close $connection;
		return 0;
	}
	unshift @{ $answer->{headers} }, 'content-type' => $answer->{type} || 'application/json', 'request-id' => $log{request_id},
	  'anthropic-organization-id' => '00000000-0000-4000-8000-000000000000', server => 'cloudflare';
	push @{ $answer->{headers} }, limits() if $answer->{status} == 200 || $answer->{status} == 429;
	$answer->{close} = 1 if $step->{close} || lc(defined $request->{headers}{connection} ? $request->{headers}{connection} : '') eq 'close';

	# written down first: who has the answer finds it in the log
	note_down($self, {
		%log, status => $answer->{status}, seconds => time - $start,
		raw_reply => join '', defined $answer->{body} ? $answer->{body} : '', @{ $answer->{pieces} || [] } });
	return send_answer($connection, $answer, $step, $alive);
}

# Wait while all answers are held.
sub hold_on
{
	my ($self, $alive, $log) = @_;
	my $start = time;
	for (;;)
	{
		open my $fh, '<', "$self->{dir}/hold" or last;
		my $until = <$fh>;
		close $fh;
		last if !defined $until || time > $until;
		nap(0.05, $alive);
	}
	$log->{held} = time - $start;
	return;
}

# What is to be answered, and the step whose ways of sending count.
sub decide
{
	my ($self, $request, $log, $alive) = @_;
	my ($path) = $request->{path} =~ /^([^?]*)/;
	refuse(404, 'not_found_error', 'Not found')
	  unless substr($path, 0, length $self->{base_path}, '') eq $self->{base_path};
	my ($route, $model) = $path =~ m{^/v1/(messages/count_tokens|messages|models)(?:/([^/]+))?\z};
	refuse(404, 'not_found_error', 'Not found') if !$route || (defined $model && $route ne 'models');
	refuse(404, 'not_found_error', '404 page not found') if $self->{kind} eq 'ollama' && $route =~ /count_tokens/;
	my $method = $route eq 'models' ? 'GET' : 'POST';
	refuse(405, 'invalid_request_error', 'Method Not Allowed') if $request->{method} ne $method;
	my $version = check_headers($method, $request->{headers}, $self);
	return (models_answer($self, $model), {}) if $route eq 'models';
	refuse(413, 'request_too_large', 'Request exceeds the maximum size') if $request->{too_large};
	my %server = (%$self, version => $version);
	my ($body, $traits) = check_body($request->{body}, $request->{headers}, \%server, $route ne 'messages');
	$log->{model} = "$body->{model}";
	return ({ status => 200, headers => [], body => to_json({ input_tokens => count_input($body) }) }, {})
	  if $route ne 'messages';
	$log->{advice} = [ advice($body, $request->{headers}, $request->{body}, \%server) ];
	my $conversation = FakeClaude::Conversation->new(body => $body, headers => $request->{headers}, n => $log->{n});
	$log->{turn} = $conversation->turn;
	(my $step, @$log{qw(step mode)}) = step_for($self, $conversation);
	$step->{delay} = $self->{pace} if $self->{pace} && !defined $step->{delay};
	return (said($self, $step, $body, $traits, $log), $step);
}

sub said
{
	my ($self, $step, $body, $traits, $log) = @_;
	my @headers = @{ $step->{headers} || [] };
	push @headers, 'retry-after' => $step->{retry_after} if defined $step->{retry_after};
	push @headers, 'retry-after-ms' => $step->{retry_after_ms} if defined $step->{retry_after_ms};
	push @headers, 'x-should-retry' => $step->{should_retry} if defined $step->{should_retry};
	return { status => $step->{status} || 502, headers => \@headers, body => $PAGE, type => 'text/html; charset=UTF-8' } if $step->{html};
	return { status => $step->{status} || 200, headers => \@headers, body => $step->{body}, type => $step->{type} } if defined $step->{body};
	if (($step->{status} || 200) != 200)
	{
		my %error = (type => $TYPES{ $step->{status} } || 'api_error', message => "fake: status $step->{status}", %{ $step->{error} || {} });
		$log->{message} = $error{message};
		return { status => $step->{status}, headers => \@headers, body => error_body(\%error, $log->{request_id}) };
	}
	my $message = message_of($step, $body, $traits, $self, time);
	@$log{qw(stop_reason usage)} = ($message->{stop_reason}, { %{ $message->{usage} } });
	return { status => 200, headers => \@headers, body => to_json($message) } unless $body->{stream};
	my @events = events_of($message);
	if ($step->{late_error})
	{
		my %error = (type => 'overloaded_error', message => 'Overloaded');
		splice @events, @events / 2, @events, "event: error\ndata: " . error_body(\%error, $log->{request_id}) . "\n\n";
	}
	return { status => 200, headers => \@headers, pieces => \@events, type => 'text/event-stream; charset=utf-8' };
}

sub models_answer
{
	my ($self, $name) = @_;
	my @data = map { { type => 'model', id => $_, display_name => $_, created_at => '2026-01-01T00:00:00Z' } }
	  map { $self->{kind} eq 'bedrock' ? "anthropic.$_" : $_ } model_names();
	if (defined $name)
	{
		my ($one) = grep { $_->{id} eq $name } @data;
		refuse(404, 'not_found_error', "model: $name") unless $one;
		return { status => 200, headers => [], body => to_json($one) };
	}
	return {
		status => 200, headers => [],
		body => to_json({ data => \@data, has_more => JSON::PP::false, first_id => $data[0]{id}, last_id => $data[-1]{id} }) };
}

1;
