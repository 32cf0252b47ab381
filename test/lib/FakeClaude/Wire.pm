# HTTP/1.1 on a socket: a request is read, an answer written, also the wrong
# kinds of answers that a client must live through.
package FakeClaude::Wire;

use strict;
use warnings;

use Exporter 'import';
use IO::Compress::Gzip ();
use IO::Select;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(read_request send_answer reset_connection nap);

my $HEADERS = 64 * 1024;

# Where the system knows it.
my $QUICK = eval { Socket::TCP_QUICKACK() };

my %REASONS = (
	200 => 'OK', 400 => 'Bad Request', 401 => 'Unauthorized', 402 => 'Payment Required', 403 => 'Forbidden',
	404 => 'Not Found', 405 => 'Method Not Allowed', 408 => 'Request Timeout', 409 => 'Conflict',
	413 => 'Payload Too Large', 429 => 'Too Many Requests', 500 => 'Internal Server Error', 502 => 'Bad Gateway',
	503 => 'Service Unavailable', 504 => 'Gateway Timeout', 529 => 'Overloaded');

# Sleep in small pieces; alive is asked meanwhile, and false ends the process.
sub nap
{
	my ($seconds, $alive) = @_;
	my $until = time + $seconds;
	while ((my $left = $until - time) > 0)
	{
		POSIX::_exit(0) unless $alive->();
		sleep($left < 0.05 ? $left : 0.05);
	}
	return;
}

# More bytes into the buffer; false at the end.
sub more
{
	my ($socket, $buffer, $alive) = @_;
	my $select = IO::Select->new($socket);
	until ($select->can_read(0.05)) { return 0 unless $alive->() }
	# a client that sends its headers alone waits for their acknowledgement
	setsockopt $socket, Socket::IPPROTO_TCP, $QUICK, 1 if defined $QUICK;
	my $got = sysread $socket, $$buffer, 1 << 16, length $$buffer;
	return $got ? 1 : 0;
}

# The next request of a connection, or nothing at its end: { method, path,
# headers, body }, or { fault => status } for what is no HTTP. A body beyond
# the limit is read away and not kept: { too_large => 1 }.
sub read_request
{
	my ($socket, $buffer, $limit, $alive, $busy) = @_;
	while ($$buffer !~ /\r\n\r\n/)
	{
		return { fault => 431 } if length $$buffer > $HEADERS;
		more($socket, $buffer, $alive) or return;
	}
	$busy->();
	my ($head, $rest) = split /\r\n\r\n/, $$buffer, 2;
	$$buffer = $rest;
	my ($line, @lines) = split /\r\n/, $head;
	my ($method, $path) = $line =~ m{^([A-Z]+) (\S+) HTTP/1\.[01]\z} or return { fault => 400 };
	my %headers;
	for my $header (@lines)
	{
		my ($name, $value) = $header =~ /^([!#\$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\z/ or return { fault => 400 };
		$headers{ lc $name } = exists $headers{ lc $name } ? "$headers{lc $name}, $value" : $value;
	}
	my %request = (method => $method, path => $path, headers => \%headers, body => '');
	if (lc(defined $headers{expect} ? $headers{expect} : '') eq '100-continue')
	{
		write_all($socket, "HTTP/1.1 100 Continue\r\n\r\n", $alive);
	}
	if (lc(defined $headers{'transfer-encoding'} ? $headers{'transfer-encoding'} : '') eq 'chunked')
	{
		return { fault => 400 } if exists $headers{'content-length'};
		return read_chunks($socket, $buffer, $limit, $alive, \%request);
	}
	return \%request unless exists $headers{'content-length'};
	return { fault => 400 } unless $headers{'content-length'} =~ /^[0-9]{1,12}\z/;
	return read_length($socket, $buffer, $limit, $alive, \%request);
}

sub read_length
{
	my ($socket, $buffer, $limit, $alive, $request) = @_;
	my $left = $request->{headers}{'content-length'};
	$request->{too_large} = 1 if $left > $limit;
	while ($left > 0)
	{
		if ($$buffer eq '') { more($socket, $buffer, $alive) or return }
		my $piece = substr $$buffer, 0, $left, '';
		$left -= length $piece;
		$request->{body} .= $piece unless $request->{too_large};
	}
	return $request;
}

sub read_chunks
{
	my ($socket, $buffer, $limit, $alive, $request) = @_;
	for (;;)
	{
		until ($$buffer =~ /\r\n/) { more($socket, $buffer, $alive) or return }
		$$buffer =~ s/^([0-9a-fA-F]{1,8})(?:;[^\r\n]*)?\r\n// or return { fault => 400 };
		my $left = hex $1;
		while (length $$buffer < $left + 2) { more($socket, $buffer, $alive) or return }
		$request->{body} .= substr $$buffer, 0, $left unless $request->{too_large};
		substr $$buffer, 0, $left + 2, '';
		return $request if $left == 0;
		if (length $request->{body} > $limit) { $request->{too_large} = 1; $request->{body} = '' }
	}
}

sub write_all
{
	my ($socket, $bytes, $alive) = @_;
	my ($at, $select) = (0, IO::Select->new($socket));
	while ($at < length $bytes)
	{
		until ($select->can_write(0.05)) { return 0 unless $alive->() }
		my $wrote = syswrite $socket, $bytes, 1 << 16, $at;
		return 0 unless $wrote;
		$at += $wrote;
	}
	return 1;
}

sub reset_connection
{
	my ($socket) = @_;
	setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
	close $socket;
	return;
}

# answer: { status, headers => [name, value, ...], body or pieces, close }.
# how, of a step: chunked, gzip, slow (seconds over the whole body), truncate
# (half of the body, then the end), reset ('half'), garbage (no HTTP at all).
# False when the connection is at its end.
sub send_answer
{
	my ($socket, $answer, $how, $alive) = @_;
	my $body = join '', defined $answer->{body} ? $answer->{body} : '', @{ $answer->{pieces} || [] };
	my @headers = @{ $answer->{headers} };
	if (defined $how->{garbage}) { write_all($socket, $how->{garbage}, $alive); close $socket; return 0 }
	if ($how->{gzip})
	{
		my $packed;
		IO::Compress::Gzip::gzip(\$body => \$packed);
		$body = $packed;
		push @headers, 'content-encoding' => 'gzip';
	}
	my $length = length $body;
	push @headers, $how->{chunked} || $answer->{pieces} ? ('transfer-encoding' => 'chunked') : ('content-length' => $length);
	push @headers, connection => $answer->{close} ? 'close' : 'keep-alive';
	my $head = "HTTP/1.1 $answer->{status} " . ($REASONS{ $answer->{status} } || 'Unknown') . "\r\n";
	while (my ($name, $value) = splice @headers, 0, 2) { $head .= "$name: $value\r\n" }
	$head .= "\r\n";
	my $broken = $how->{truncate} || ($how->{reset} || '') eq 'half';
	$body = substr $body, 0, $length / 2 if $broken;
	my $count = $how->{slow} ? 20 : $how->{chunked} ? 3 : 1;
	my $size = int(length($body) / $count) + 1;
	my @parts = $answer->{pieces} && !$broken && !$how->{gzip} ? @{ $answer->{pieces} } : unpack "(a$size)*", $body;
	@parts = ('') unless @parts;
	for my $part (@parts)
	{
		my $chunked = ($how->{chunked} || $answer->{pieces}) && length $part;
		my $bytes = $head . ($chunked ? sprintf("%x\r\n", length $part) . "$part\r\n" : $part);
		$head = '';
		write_all($socket, $bytes, $alive) or return 0;
		nap($how->{slow} / $count, $alive) if $how->{slow};
	}
	if ($broken)
	{
		if ($how->{reset}) { nap(0.1, $alive); reset_connection($socket) }
		else               { close $socket }
		return 0;
	}
	write_all($socket, "0\r\n\r\n", $alive) or return 0 if $how->{chunked} || $answer->{pieces};
	if ($answer->{close}) { close $socket; return 0 }
	return 1;
}

1;
