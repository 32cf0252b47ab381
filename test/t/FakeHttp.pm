# A server on 127.0.0.1 that answers as its clients hope not to be answered:
# what it does with a request is said by the request's path. One process per
# connection, each of which ends by itself within a minute.
package FakeHttp;

use strict;
use warnings;

use Compress::Zlib ();
use IO::Socket::INET;
use POSIX ();
use Socket qw(MSG_PEEK SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep);

my @servers;

# log: a file that each request adds a line to: the connection's number, the
# request line and the header lines, with | between them.
sub new
{
	my ($class, %params) = @_;
	my $socket = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		Listen => 100,
		ReuseAddr => 1) or die "could not listen: $!";
	my $self = bless { port => $socket->sockport, log => $params{log} }, $class;
	my $pid = fork // die "could not fork: $!";

	if ($pid == 0)
	{
		eval { $self->accept_all($socket) };
		POSIX::_exit(0);
	}
	$self->{pid} = $pid;
	push @servers, $pid;
	return $self;
}

sub url
{
	my ($self, $path) = @_;
	return "http://127.0.0.1:$self->{port}$path";
}

# The lines of the log that have this in them.
sub seen
{
	my ($self, $text) = @_;
	open(my $log, '<', $self->{log}) or return ();
	my @seen = grep { index($_, $text) >= 0 } <$log>;
	return @seen;
}

END
{
	kill 'TERM', @servers if @servers;
}

sub accept_all
{
	my ($self, $socket) = @_;

	local $SIG{CHLD} = 'IGNORE';
	local $SIG{TERM} = sub { POSIX::_exit(0) };
	local $SIG{PIPE} = 'IGNORE';
	alarm 600;
	while (my $client = $socket->accept)
	{
		my $pid = fork;
		if (defined $pid && $pid == 0)
		{
			close $socket;
			local $SIG{ALRM} = sub { POSIX::_exit(0) };
			alarm 40;
			eval { 1 while $self->serve($client) };
			POSIX::_exit(0);
		}
		close $client;
	}
	return;
}

# One request; true: the connection goes on.
sub serve
{
	my ($self, $client) = @_;
	my ($line, %header, @lines);
	my $body = '';

	$client->autoflush(1);
	# A handshake of TLS: we speak HTTP only.
	recv($client, my $first, 1, MSG_PEEK);
	if ($first eq "\x16")
	{
		print $client "HTTP/1.1 400 Bad Request\r\n\r\n";
		return 0;
	}
	$line = <$client> // return 0;
	$line =~ s/\r?\n//;
	while (defined(my $h = <$client>))
	{
		$h =~ s/\r?\n//;
		last if $h eq '';
		push @lines, $h;
		$header{ lc $1 } = $2 if $h =~ /^([^:]+):\s*(.*)/;
	}
	read($client, $body, $header{'content-length'}) if $header{'content-length'};
	if ($self->{log})
	{
		open(my $log, '>>', $self->{log}) or die;
		syswrite($log, join('|', $$, $line, @lines) . "\n");
		close $log;
	}
	my ($path) = $line =~ m{^\w+ (?:http://[^/]+)?/(\w*)};
	my $how = FakeHttp->can("answer_$path") // \&answer_ok;
	return $how->($client, $line, \@lines, $body, $self);
}

sub reply
{
	my ($client, $status, $body, @lines) = @_;
	print $client join("\r\n", "HTTP/1.1 $status Whatever", @lines, 'Content-Length: ' . length($body), '', $body);
	return 1;
}

sub answer_ok { return reply($_[0], 200, 'hello', 'Content-Type: text/plain') }
sub answer_none { print { $_[0] } "HTTP/1.1 204 None\r\n\r\n"; return 1 }
sub answer_html { return reply($_[0], 502, '<html>bad gateway</html>', 'Content-Type: text/html; charset=utf-8') }
sub answer_nul { return reply($_[0], 200, "a\0b\0c") }
sub answer_close { return 0 }
sub answer_hang { sleep 30; return 0 }
sub answer_half { sleep 0.5; return reply($_[0], 200, 'late') }
sub answer_second { sleep 2; return reply($_[0], 200, 'later') }

sub answer_fourth { sleep 4; return reply($_[0], 200, 'last') }

sub answer_reset
{
	my ($client) = @_;
	print $client "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin";
	sleep 0.1;
	setsockopt($client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	close $client;
	return 0;
}

sub answer_drip
{
	my ($client) = @_;
	print $client "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
	for (1 .. 100)
	{
		print $client 'x' or last;
		sleep 0.1;
	}
	return 0;
}

sub answer_halfhead
{
	my ($client) = @_;
	print $client "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
	sleep 30;
	return 0;
}

sub answer_short
{
	print { $_[0] } "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot so much";
	return 0;
}

sub answer_nonsense { print { $_[0] } "NONSENSE\r\n\r\nmore\r\n"; return 0 }
sub answer_badstatus { print { $_[0] } "HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nhi"; return 0 }

sub answer_huge
{
	my ($client) = @_;
	print $client "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
	print $client 'x' x 100_000 or last for 1 .. 30;
	return 0;
}

sub answer_announced
{
	print { $_[0] } "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" . 'x' x 3_000_000;
	return 0;
}

sub answer_gzip
{
	return reply($_[0], 200, Compress::Zlib::memGzip('unpacked ' x 20), 'Content-Encoding: gzip');
}

sub answer_bomb
{
	return reply($_[0], 200, Compress::Zlib::memGzip("\0" x 50_000_000), 'Content-Encoding: gzip');
}
sub answer_badgzip { return reply($_[0], 200, 'this was never packed', 'Content-Encoding: gzip') }

sub answer_chunked
{
	my ($client) = @_;
	print $client "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	for my $piece ('one ', 'two ', 'three')
	{
		printf $client "%x\r\n%s\r\n", length($piece), $piece;
		sleep 0.05;
	}
	print $client "0\r\nRetry-After: 99\r\n\r\n";
	return 1;
}

sub answer_cutchunk
{
	print { $_[0] } "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n10\r\nsec";
	return 0;
}

sub answer_redirect
{
	my ($client, undef, undef, undef, $self) = @_;
	open(my $to, '<', "$self->{log}.redirect") or return 0;
	chomp(my $url = <$to>);
	return reply($client, 302, 'elsewhere', "Location: $url");
}

sub answer_manyheads
{
	return reply($_[0], 200, 'hello', map { "X-$_: " . 'y' x 1000 } 1 .. 100);
}
sub answer_longhead { return reply($_[0], 200, 'hello', 'X-Long: ' . 'y' x 400_000) }

sub answer_continue
{
	print { $_[0] } "HTTP/1.1 103 Early\r\nRetry-After: 77\r\nRequest-Id: early\r\n\r\n";
	return reply($_[0], 200, 'hello', 'Request-Id: late');
}

sub answer_limits
{
	return reply($_[0], 429, '{}', 'retry-AFTER:   7 ', 'Retry-After-Ms: 250', 'x-should-retry: true',
		"Request-Id: req_\x01\xff" . 'z' x 300, 'Content-Type: application/json');
}

# Tells what it was asked, as a gateway does in an error's text.
sub answer_echo
{
	my ($client, $line, $lines, $body) = @_;
	return reply($client, 200, join("\n", $line, sort(@$lines), 'body ' . length($body)), 'Request-Id: ' . ($lines->[-1] // ''));
}

1;
