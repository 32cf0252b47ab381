# Refusals of the fake: thrown by whoever finds a fault in a request, turned
# into an answer by the server.
package FakeClaude::Error;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(refuse invalid);

# Refuse with this status and error type. details, headers and html (a body
# that is no JSON) may follow.
sub refuse
{
	my ($status, $type, $message, %more) = @_;
	die bless { status => $status, type => $type, message => $message, %more }, __PACKAGE__;
}

# The most frequent one.
sub invalid
{
	my ($message, %more) = @_;
	return refuse(400, 'invalid_request_error', $message, %more);
}

1;
