# Helpers of the bridge's tests: a running selfheal-mcp that is spoken to in
# lines, and a database whose selfheal.mcp() does what the test says. What the
# real one answers is not asked here: the bridge is the same for any.
package BridgeTest;

use strict;
use warnings;

use Exporter 'import';
use IO::Handle;
use IO::Select;
use JSON::PP;
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

our @EXPORT = qw(bridge_program make_stub json request);

my $json = JSON::PP->new->canonical->allow_nonref->utf8;

# Where the build that is tested put it, else the PATH's.
sub bridge_program { return $ENV{SELFHEAL_MCP} || 'selfheal-mcp'; }

sub json { return $json; }

sub request
{
	my ($id, $method, $params, %more) = @_;
	return $json->encode(
		{ jsonrpc => '2.0', id => $id, method => $method, defined $params ? (params => $params) : (), %more });
}

# selfheal.mcp() of a database: what a request's method says is done.
sub make_stub
{
	my ($node, $db) = @_;

	$node->safe_psql($db, <<'SQL');
CREATE SCHEMA selfheal;
CREATE TABLE selfheal.seen (n bigint GENERATED ALWAYS AS IDENTITY, pid int DEFAULT pg_backend_pid(), request jsonb);
CREATE TABLE selfheal.one (a int PRIMARY KEY, b int REFERENCES selfheal.one DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION selfheal.mcp(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	params jsonb := request->'params';
	result jsonb := '{}';
	i int;
BEGIN
	INSERT INTO selfheal.seen (request) VALUES (request);
	CASE request->>'method'
		WHEN 'initialize' THEN
			PERFORM set_config('stub.client', params#>>'{clientInfo,name}', false);
			result := jsonb_build_object('protocolVersion', params->'protocolVersion');
		WHEN 'notifications/initialized' THEN
			PERFORM set_config('stub.ready', 'yes', false);
		WHEN 'echo' THEN
			result := params;
		WHEN 'session' THEN
			SELECT jsonb_object_agg(name, current_setting(name, true)) INTO result
			FROM unnest(ARRAY['stub.client', 'stub.ready', 'selfheal.mcp_read_only', 'application_name',
				'client_encoding', 'work_mem', 'stub.own']) AS name;
			result := result || jsonb_build_object('pid', pg_backend_pid(), 'user', current_user);
		WHEN 'writable' THEN
			result := jsonb_build_object('selfheal.mcp_read_only', set_config('selfheal.mcp_read_only', 'off', false));
		WHEN 'sleep' THEN
			PERFORM pg_sleep((params->>'seconds')::float8);
		WHEN 'progress' THEN
			FOR i IN 1 .. jsonb_array_length(params->'tell') LOOP
				RAISE INFO USING ERRCODE = 'SH001', MESSAGE = params->'tell'->>(i - 1);
			END LOOP;
			RAISE INFO 'another info';
			RAISE WARNING 'another warning';
		WHEN 'big' THEN
			result := jsonb_build_object('text', repeat('x', (params->>'bytes')::int));
		WHEN 'fail' THEN
			RAISE EXCEPTION USING ERRCODE = params->>'sqlstate', MESSAGE = 'said by the server: 4711';
		WHEN 'fail at commit' THEN
			INSERT INTO selfheal.one VALUES (1, 2);
		WHEN 'nothing' THEN
			RETURN NULL;
		ELSE
			RETURN jsonb_build_object('jsonrpc', '2.0', 'id', request->'id', 'error',
				jsonb_build_object('code', -32601, 'message', 'no such method'));
	END CASE;
	IF NOT request ? 'id' THEN
		RETURN CASE WHEN request->>'method' = 'echo' THEN request END;
	END IF;
	RETURN jsonb_build_object('jsonrpc', '2.0', 'id', request->'id', 'result', result);
END $$;
SQL
	return;
}

# A running bridge with these arguments. The pipes are Perl's own, which a
# server that the test starts later does not inherit.
sub new
{
	my ($class, @args) = @_;
	my $self = bless { to => '', out => '', err => '', lines => [] }, $class;

	pipe(my $stdin, $self->{stdin}) or die "pipe: $!";
	pipe($self->{stdout}, my $stdout) or die "pipe: $!";
	pipe($self->{stderr}, my $stderr) or die "pipe: $!";
	$self->{pid} = fork() // die "fork: $!";
	if ($self->{pid} == 0)
	{
		open(STDIN, '<&', $stdin);
		open(STDOUT, '>&', $stdout);
		open(STDERR, '>&', $stderr);
		exec({ bridge_program() } bridge_program(), @args) or POSIX::_exit(127);
	}
	$self->{$_}->blocking(0) for qw(stdin stdout stderr);
	return $self;
}

sub pid { my ($self) = @_; return $self->{pid}; }

# Lines to its stdin; each gets its newline.
sub say
{
	my ($self, @lines) = @_;

	$self->{to} .= join('', map { "$_\n" } @lines);
	$self->turn(0);
	return;
}

# Write what waits and read what is there, unless it is not to be read.
sub turn
{
	my ($self, $seconds) = @_;
	my $reads = IO::Select->new(grep { defined } $self->{deaf} ? undef : $self->{stdout}, $self->{stderr});
	my $writes = IO::Select->new($self->{to} ne '' && $self->{stdin} ? $self->{stdin} : ());
	my ($r, $w) = IO::Select->select($reads, $writes, undef, $seconds);

	for my $name (qw(stdin stdout stderr))
	{
		my $handle = $self->{$name} // next;
		next unless grep { $_ == $handle } @{ $r // [] }, @{ $w // [] };
		my $n =
			$name eq 'stdin' ? syswrite($handle, $self->{to})
		  : $name eq 'stdout' ? sysread($handle, $self->{out}, 1 << 20, length $self->{out})
		  :                     sysread($handle, $self->{err}, 1 << 16, length $self->{err});
		substr($self->{to}, 0, $n) = '' if $name eq 'stdin' && $n;
		delete $self->{$name} if !$n && !$!{EAGAIN};
	}
	while ((my $at = index($self->{out}, "\n")) >= 0)
	{
		push @{ $self->{lines} }, substr($self->{out}, 0, $at);
		substr($self->{out}, 0, $at + 1) = '';
	}
	return;
}

# The next line, as it came; undef at the end or after the seconds given.
sub line
{
	my ($self, $seconds) = @_;
	my $until = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);

	while (!@{ $self->{lines} } && $self->{stdout} && time() < $until)
	{
		$self->turn(0.1);
	}
	return shift @{ $self->{lines} };
}

# The next line, read.
sub message
{
	my ($self, $seconds) = @_;
	my $line = $self->line($seconds);
	return defined $line ? $json->decode($line) : undef;
}

# Say it and read what comes next.
sub ask
{
	my ($self, $line) = @_;

	$self->say($line);
	return $self->message;
}

# Nobody reads its stdout any more.
sub hang_up { my ($self) = @_; delete $self->{stdout}; return; }

# Close its stdin and wait for its end: exit status, and how long it took.
sub finish
{
	my ($self) = @_;

	$self->turn(0.1) while $self->{to} ne '' && $self->{stdin};
	delete $self->{stdin};
	return $self->wait_end(time());
}

sub signal
{
	my ($self, $name) = @_;
	my $from = time();

	kill($name, $self->{pid});
	return $self->wait_end($from);
}

# Wait for its end; what does not end in time is killed.
sub wait_end
{
	my ($self, $from) = @_;

	while ($self->{pid})
	{
		$self->turn(0.02);
		kill('KILL', $self->{pid}) if time() - $from > 60;
		if (waitpid($self->{pid}, WNOHANG) > 0)
		{
			$self->{status} = $?;
			delete $self->{pid};
		}
	}
	my $took = time() - $from;
	$self->turn(0) while $self->{stdout};
	return ($self->{status}, $took);
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $!);
	if ($self->{pid}) { kill('KILL', $self->{pid}); waitpid($self->{pid}, 0); }
	return;
}

1;
