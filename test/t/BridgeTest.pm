# Helpers of the bridge's tests: a running selfheal-mcp that is spoken to in
# lines, and a database whose selfheal.mcp() does what the test says. What the
# real one answers is not asked here: the bridge is the same for any.
package BridgeTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

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

# A running bridge: arguments, and stdin => 'text' when all of it is known.
sub new
{
	my ($class, @args) = @_;
	my $self = bless { in => '', out => '', err => '', lines => [] }, $class;

	$self->{timer} = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
	$self->{run} = IPC::Run::start([ bridge_program(), @args ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	return $self;
}

sub pid { my ($self) = @_; return $self->{run}->{KIDS}[0]{PID}; }

# Lines to its stdin; each gets its newline.
sub say
{
	my ($self, @lines) = @_;

	$self->raw(join('', map { "$_\n" } @lines));
	return;
}

sub raw
{
	my ($self, $bytes) = @_;

	$self->{in} .= $bytes;
	$self->{run}->pump_nb;
	return;
}

sub _gather
{
	my ($self) = @_;

	while ($self->{out} =~ s/^(.*?)\n//s)
	{
		push @{ $self->{lines} }, $1;
	}
	return;
}

# The next line, as it came; undef at the end or after the seconds given.
sub line
{
	my ($self, $seconds) = @_;
	my $until = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);

	for (;;)
	{
		$self->_gather;
		return shift @{ $self->{lines} } if @{ $self->{lines} };
		return if time() > $until || $self->{ended};
		my $more = eval { $self->{run}->pump_nb; $self->{run}->pumpable };
		if (!$more && $self->{out} !~ /\n/) { return; }
		usleep(2000) if $self->{out} !~ /\n/;
	}
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

# Close its stdin and wait for its end: exit status, and how long it took.
sub finish
{
	my ($self) = @_;
	my $from = time();

	eval { $self->{run}->finish; 1 } or diag("finish: $@");
	$self->_gather;
	$self->{ended} = 1;
	return (($self->{run}->full_results)[0], time() - $from);
}

sub signal
{
	my ($self, $name) = @_;
	my $from = time();

	$self->{run}->signal($name);
	return $self->wait_end($from);
}

# Wait for its end with stdin open.
sub wait_end
{
	my ($self, $from) = @_;
	my $pid = $self->pid;

	$from //= time();
	while (eval { $self->{run}->pumpable } && kill(0, $pid) && time() - $from < 30)
	{
		eval { $self->{run}->pump_nb };
		eval { $self->{run}->reap_nb };
		usleep(5000);
	}
	my $took = time() - $from;
	my ($status) = $self->finish;
	return ($status, $took);
}

1;
