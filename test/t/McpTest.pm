# Helpers of the tests of MCP's whole conversation: roles of each level, tables
# with incidents of each fate, and a small reader of JSON Schema.
package McpTest;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP;
use WorkerTest;

our @EXPORT = qw(mcp_roles mcp_schema misfits);

# reader, agent, boss: of the three levels, the last two with the rights of the
# tables' owner; stranger has none.
sub mcp_roles
{
	my ($node) = @_;
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE reader LOGIN; CREATE ROLE agent LOGIN; CREATE ROLE boss LOGIN; CREATE ROLE stranger LOGIN; CREATE ROLE team;
SELECT selfheal.grant_to('reader', 'viewer'), selfheal.grant_to('agent', 'operator'), selfheal.grant_to('boss', 'admin');
GRANT team TO agent, boss;
SQL
	return;
}

# orders: a value for a person (day), a plan that waits (code), two heals;
# secret, which reader may not read; paused, with a row that waits; many more
# tables than fit a page. Returns wait_idle's word.
sub mcp_schema
{
	my ($node, $s) = @_;
	$node->safe_psql('postgres', <<"SQL");
CREATE SCHEMA $s AUTHORIZATION team;
GRANT USAGE ON SCHEMA $s TO reader, agent, boss;
SET ROLE team;
CREATE TABLE $s.orders (id int PRIMARY KEY, code varchar(4), qty smallint, day date);
CREATE TABLE $s.secret (id int PRIMARY KEY, code varchar(4));
CREATE TABLE $s.paused (id int PRIMARY KEY, code varchar(4));
DO \$\$ BEGIN FOR i IN 1 .. 60 LOOP EXECUTE format('CREATE TABLE $s.%I (id int)', 'many ' || i); END LOOP; END \$\$;
GRANT SELECT ON $s.orders, $s.paused TO reader;
RESET ROLE;
SELECT count(selfheal.watch(oid::regclass)) FROM pg_class WHERE relnamespace = '$s'::regnamespace AND relkind = 'r';
SELECT selfheal.set_policy('$s.orders', 'widen_type', 'metadata', 'review'), selfheal.pause('$s.paused');
INSERT INTO $s.orders_intake VALUES ('{"id": 1, "code": "abc", "qty": 1}'), ('{"id": 10, "code": "too long", "qty": 1}'), ('{"id": 11, "code": "ab", "qty": 70000}'),
	('{"id": 12, "code": "ab", "qty": 1, "day": "31|12|2026"}'), ('{"id": 13, "colour": "red"}');
INSERT INTO $s.secret_intake VALUES ('{"id": 1, "code": "top secret"}');
INSERT INTO $s.paused_intake VALUES ('{"id": 1, "code": "too long"}');
SQL
	return idle($node, 'postgres');
}

sub type_of
{
	my ($v) = @_;
	return 'null' unless defined $v;
	return { HASH => 'object', ARRAY => 'array', 'JSON::PP::Boolean' => 'boolean' }->{ ref $v } if ref $v;
	my $text = JSON::PP->new->allow_nonref->encode($v);
	return $text =~ /^"/ ? 'string' : $text =~ /^-?\d+$/ ? 'integer' : 'number';
}

# What of a value its schema does not allow, as far as our schemas go.
sub misfits
{
	my ($schema, $v, $at) = @_;
	my $type = type_of($v);
	my @bad;
	$at //= '';
	if (my $allowed = $schema->{type})
	{
		my @types = ref $allowed ? @$allowed : ($allowed);
		return "$at is $type" unless grep { $_ eq $type || ($_ eq 'number' && $type eq 'integer') } @types;
	}
	push @bad, "$at is $v" if $schema->{enum} && !grep { defined $v && $_ eq $v } @{ $schema->{enum} };
	if ($type eq 'object')
	{
		push @bad, map { "$at.$_ is missing" } grep { !exists $v->{$_} } @{ $schema->{required} // [] };
		for my $key (sort keys %$v)
		{
			if (my $member = ($schema->{properties} // {})->{$key}) { push @bad, misfits($member, $v->{$key}, "$at.$key") }
			elsif (defined $schema->{additionalProperties} && !$schema->{additionalProperties}) { push @bad, "$at.$key is one too many" }
		}
	}
	elsif ($type eq 'array' && $schema->{items})
	{
		push @bad, misfits($schema->{items}, $v->[$_], "$at\[$_]") for 0 .. $#$v;
	}
	return @bad;
}

1;
