# Every form of ALTER TABLE has a verdict: the members of AlterTableType, read
# from the header of the server that runs, against selfheal.verdicts(), by name
# and number, in both directions; the same for ConstrType. And the verdict is
# the truth: each member that a statement can say is said, and the vetter does
# with it what the list says.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('subcommands');
my $header = $node->config_data('--includedir-server') . '/nodes/parsenodes.h';

plan skip_all => "the server's headers are not installed: there is no $header" unless -e $header;

$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION selfheal;
CREATE TABLE t (id int, note varchar(8) NOT NULL, gen int GENERATED ALWAYS AS (1) STORED, key int GENERATED ALWAYS AS IDENTITY);
SQL

# Members of an enum of the header: name => number.
sub members
{
	my ($enum) = @_;
	my $text = slurp_file($header);
	my ($number, %numbers) = (0);

	$text =~ s{/\*.*?\*/}{}gs;
	my ($body) = $text =~ /\btypedef\s+enum\s+\Q$enum\E\s*\{([^}]*)\}/;
	die "no enum $enum in $header" unless defined $body;
	foreach my $member (split /,/, $body)
	{
		next if $member =~ /^\s*$/;
		my ($name, $value) = $member =~ /^\s*(\w+)\s*(?:=\s*(\d+)\s*)?$/ or die "what is \"$member\"?";
		$number = $value if defined $value;
		$numbers{$name} = $number++;
	}
	return \%numbers;
}

# Rows of a part of the list: name => [number, verdict, words, reason].
sub verdicts
{
	my ($part) = @_;
	my %rows;
	foreach my $line (split /\n/, $node->safe_psql('postgres',
			"SELECT name, number, verdict, words, reason FROM selfheal.verdicts() WHERE part = '$part'"))
	{
		my ($name, @row) = split /\|/, $line, -1;
		ok(!exists $rows{$name}, "$part $name stands once");
		$rows{$name} = \@row;
	}
	return \%rows;
}

sub compare
{
	my ($part, $enum, $least) = @_;
	my $known = members($enum);
	my $rows = verdicts($part);

	cmp_ok(scalar keys %$known, '>=', $least, "$enum is read from the header");
	foreach my $name (sort { $known->{$a} <=> $known->{$b} } keys %$known)
	{
		is($rows->{$name} ? $rows->{$name}[0] : 'no verdict', $known->{$name}, "$name has a verdict under its number");
	}
	is(join(' ', grep { !exists $known->{$_} } sort keys %$rows), '', "$part: no verdict on what the server does not know");
	foreach my $name (sort keys %$rows)
	{
		my ($number, $verdict, $words, $reason) = @{ $rows->{$name} };
		like($verdict, qr/^(refused|add_column|widen_type|drop_not_null|set_default|set_generated_by_default)$/, "$name: refused, or a kind of step");
		ok($words ne '' && $reason ne '', "$name: in words, and why");
	}
	return $rows;
}

sub vet
{
	my ($change) = @_;
	return $node->safe_psql('postgres', "SELECT coalesce(steps #>> '{steps,0,kind}', reason) FROM selfheal.vet('t', \$q\$ALTER TABLE t $change\$q\$)");
}

my $subcommands = compare('subcommand', 'AlterTableType', 60);
is(join(' ', sort map { "$_=$subcommands->{$_}[1]" } grep { $subcommands->{$_}[1] ne 'refused' } keys %$subcommands),
	'AT_AddColumn=add_column AT_AlterColumnType=widen_type AT_ColumnDefault=set_default AT_DropNotNull=drop_not_null AT_SetIdentity=set_generated_by_default',
	'the steps are five');

# How a statement says it. What no statement can say has no line, and must
# give that for its reason.
my %said = (
	AT_AddColumn => 'ADD a int', AT_AlterColumnType => 'ALTER note TYPE text', AT_DropNotNull => 'ALTER note DROP NOT NULL',
	AT_ColumnDefault => "ALTER note SET DEFAULT 'x'", AT_SetNotNull => 'ALTER id SET NOT NULL', AT_SetExpression => 'ALTER gen SET EXPRESSION AS (2)',
	AT_DropExpression => 'ALTER gen DROP EXPRESSION', AT_SetStatistics => 'ALTER note SET STATISTICS 5', AT_SetOptions => 'ALTER note SET (n_distinct = 5)',
	AT_ResetOptions => 'ALTER note RESET (n_distinct)', AT_SetStorage => 'ALTER note SET STORAGE PLAIN', AT_SetCompression => 'ALTER note SET COMPRESSION pglz',
	AT_DropColumn => 'DROP note', AT_AddConstraint => 'ADD CHECK (id > 0)', AT_AlterConstraint => 'ALTER CONSTRAINT c DEFERRABLE',
	AT_ValidateConstraint => 'VALIDATE CONSTRAINT c', AT_DropConstraint => 'DROP CONSTRAINT c', AT_AlterColumnGenericOptions => "ALTER note OPTIONS (a 'b')",
	AT_ChangeOwner => 'OWNER TO CURRENT_USER', AT_ClusterOn => 'CLUSTER ON i', AT_DropCluster => 'SET WITHOUT CLUSTER', AT_SetLogged => 'SET LOGGED',
	AT_SetUnLogged => 'SET UNLOGGED', AT_DropOids => 'SET WITHOUT OIDS', AT_SetAccessMethod => 'SET ACCESS METHOD heap', AT_SetTableSpace => 'SET TABLESPACE pg_default',
	AT_SetRelOptions => 'SET (fillfactor = 50)', AT_ResetRelOptions => 'RESET (fillfactor)', AT_EnableTrig => 'ENABLE TRIGGER x', AT_EnableAlwaysTrig => 'ENABLE ALWAYS TRIGGER x',
	AT_EnableReplicaTrig => 'ENABLE REPLICA TRIGGER x', AT_DisableTrig => 'DISABLE TRIGGER x', AT_EnableTrigAll => 'ENABLE TRIGGER ALL', AT_DisableTrigAll => 'DISABLE TRIGGER ALL',
	AT_EnableTrigUser => 'ENABLE TRIGGER USER', AT_DisableTrigUser => 'DISABLE TRIGGER USER', AT_EnableRule => 'ENABLE RULE x', AT_EnableAlwaysRule => 'ENABLE ALWAYS RULE x',
	AT_EnableReplicaRule => 'ENABLE REPLICA RULE x', AT_DisableRule => 'DISABLE RULE x', AT_AddInherit => 'INHERIT x', AT_DropInherit => 'NO INHERIT x', AT_AddOf => 'OF x',
	AT_DropOf => 'NOT OF', AT_ReplicaIdentity => 'REPLICA IDENTITY FULL', AT_EnableRowSecurity => 'ENABLE ROW LEVEL SECURITY', AT_DisableRowSecurity => 'DISABLE ROW LEVEL SECURITY',
	AT_ForceRowSecurity => 'FORCE ROW LEVEL SECURITY', AT_NoForceRowSecurity => 'NO FORCE ROW LEVEL SECURITY', AT_GenericOptions => "OPTIONS (a 'b')",
	AT_AttachPartition => 'ATTACH PARTITION x DEFAULT', AT_DetachPartition => 'DETACH PARTITION x', AT_DetachPartitionFinalize => 'DETACH PARTITION x FINALIZE',
	AT_AddIdentity => 'ALTER id ADD GENERATED ALWAYS AS IDENTITY', AT_SetIdentity => 'ALTER key SET GENERATED BY DEFAULT', AT_DropIdentity => 'ALTER id DROP IDENTITY');
foreach my $name (sort keys %$subcommands)
{
	my (undef, $verdict, $words, $reason) = @{ $subcommands->{$name} };
	if (!exists $said{$name})
	{
		is("$verdict: $reason", 'refused: PostgreSQL makes it by itself, no statement says it', "$name: nobody can say it");
		next;
	}
	is(vet($said{$name}), $verdict eq 'refused' ? "$words is not one of the steps: $reason" : $verdict, "$said{$name}: as the list says");
}

my $constraints = compare('constraint', 'ConstrType', 14);
my %stands = (
	CONSTR_NULL => 'NULL', CONSTR_NOTNULL => 'NOT NULL', CONSTR_DEFAULT => 'DEFAULT 1', CONSTR_IDENTITY => 'GENERATED ALWAYS AS IDENTITY', CONSTR_GENERATED => 'GENERATED ALWAYS AS (1) STORED',
	CONSTR_CHECK => 'CHECK (a > 0)', CONSTR_PRIMARY => 'PRIMARY KEY', CONSTR_UNIQUE => 'UNIQUE', CONSTR_FOREIGN => 'REFERENCES t', CONSTR_ATTR_DEFERRABLE => 'NULL DEFERRABLE',
	CONSTR_ATTR_NOT_DEFERRABLE => 'NULL NOT DEFERRABLE', CONSTR_ATTR_DEFERRED => 'NULL INITIALLY DEFERRED', CONSTR_ATTR_IMMEDIATE => 'NULL INITIALLY IMMEDIATE',
	CONSTR_ATTR_ENFORCED => 'NULL ENFORCED', CONSTR_ATTR_NOT_ENFORCED => 'NULL NOT ENFORCED');
foreach my $name (sort keys %$constraints)
{
	my (undef, $verdict, $words, $reason) = @{ $constraints->{$name} };

	# an exclusion has no form that stands in a column
	next if $name eq 'CONSTR_EXCLUSION';
	ok(exists $stands{$name}, "$name is said by somebody") or next;
	is(vet("ADD a int $stands{$name}"), $verdict eq 'refused' ? "column \"a\": $words is not part of the step: $reason" : $verdict,
		"$stands{$name}: as the list says");
}

# statements as a whole
is( $node->safe_psql('postgres', "SELECT string_agg(coalesce(name, 'any other') || '=' || verdict, ' ' ORDER BY name COLLATE \"C\")
	FROM selfheal.verdicts() WHERE part = 'statement'"),
	'T_AlterEnumStmt=add_enum_label T_AlterObjectDependsStmt=refused T_AlterObjectSchemaStmt=refused T_AlterTableMoveAllStmt=refused '
	  . 'T_AlterTableStmt=by subcommand T_RenameStmt=refused any other=refused', 'two statements are looked at, every other is refused');
is( $node->safe_psql('postgres', "CREATE TYPE mood AS ENUM ('ok'); ALTER TABLE t ADD feels mood;
	SELECT steps #>> '{steps,0,kind}' FROM selfheal.vet('t', \$q\$ALTER TYPE mood ADD VALUE 'new'\$q\$)"), 'add_enum_label', 'a label is a step');
my %whole = (T_RenameStmt => 'ALTER TABLE t RENAME note TO n', T_AlterObjectSchemaStmt => 'ALTER TABLE t SET SCHEMA pg_catalog',
	T_AlterTableMoveAllStmt => 'ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b', T_AlterObjectDependsStmt => 'ALTER TRIGGER a ON t DEPENDS ON EXTENSION selfheal');
foreach my $name (sort keys %whole)
{
	is( $node->safe_psql('postgres', "SELECT v.reason = 'only ALTER TABLE with closed steps is accepted, not ' || w.words
		FROM selfheal.verdicts() w, selfheal.vet('t', '$whole{$name}') v WHERE w.name = '$name'"), 't', "$whole{$name}: as the list says");
}

$node->stop;
done_testing();
