# What Claude (a strict fake) proposed and was applied three times for the same
# signature is rehearsed and offered; once a person has promoted it, the fourth
# incident heals without a request. It never runs where proving asks a
# question, and is demoted when its dry run fails.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $node = claude_server('learning', $fake);

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

# One typed step.
sub step
{
	my ($kind, $column, %args) = @_;
	return { kind => $kind, column => $column, type => '', labels => [], args => encode_json({%args}) };
}

# A table, its payloads, what Claude proposes for them (nothing: it has no
# plan); returns how many requests that took.
sub heal
{
	my ($table, $columns, $payloads, @steps) = @_;
	my $before = $fake->count;
	$fake->set_script([ @steps ? { tools => [ propose(steps => \@steps) ] } : { tools => [ propose(explanation => 'no plan is safe') ] } ]);
	watch_table($node, $table, $columns);
	load($node, $table, @$payloads);
	settle($node);
	return $fake->count - $before;
}

sub events
{
	my ($id) = @_;
	return value("SELECT string_agg(event, ' ' ORDER BY id) FROM selfheal.audit WHERE playbook = 'learnt:$id' AND event LIKE 'playbook%'");
}

# ---- three incidents, the same change in tables of other names ----
my @lesson = (step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']));
is(heal('one', 'id int, at date', [ '{"id": 1, "at": "2026|21|11"}', '{"id": 2, "at": "2026|22|11"}' ], @lesson), 1, 'Claude is asked once');
is(of_incident($node, 'one', 'state'), 'healed', 'and the first heals');
is(heal('two', 'at date, note text', ['{"at": "2026|23|11", "note": "x"}'], @lesson), 1, 'Claude is asked about the second');
is(value('SELECT state || \' \' || applied FROM selfheal.playbooks'), 'noticed 2', 'two of a kind are noticed');
my ($rc, $out, $err) = $node->psql('postgres', 'SELECT selfheal.promote(id) FROM selfheal.playbooks');
like($err, qr/is noticed/, 'and not offered yet');
is(heal('three', 'id int, made date', ['{"id": 1, "made": "2026|24|11"}'], step('parse_timestamp', 'made', formats => ['YYYY|DD|MM'])),
	1, 'Claude is asked about the third');
my $id = value('SELECT id FROM selfheal.playbooks');
is(value('SELECT state || \' \' || applied FROM selfheal.playbooks'), 'offered 3', 'three of a kind are a playbook, which is offered');
is(value('SELECT rehearsal FROM selfheal.playbooks'),
	'{"held": {"fit": 0, "rows": 0}, "kept": {"fit": 4, "rows": 4}, "failed": null, "not_rehearsed": []}', 'rehearsed on all that was sent');
is(value('SELECT steps || catalog FROM selfheal.playbooks'),
	'[{"args": {"zone": null, "century": null, "formats": ["YYYY|DD|MM"]}, "kind": "parse_timestamp", "column": {"hole": "column"}},'
	. ' {"table": "table", "column": {"type": "date", "nullable": true}, "others": {}}]', 'with a hole where the column stands');
is(events($id), 'playbook_offered', 'in the audit');
is(value('SELECT count(*) FROM selfheal.incident WHERE state = \'healed\' AND class <> \'bad_value\''), 0, 'all of one class');

# ---- offered is not used ----
is(heal('unused', 'id int, at date', ['{"id": 1, "at": "2026|25|11"}']), 1, 'before promote() Claude is asked');
is(of_incident($node, 'unused', 'state'), 'needs_human', 'and nothing is done by the playbook');

# ---- promoted: no request ----
value("SELECT selfheal.promote($id)");
is(heal('four', 'id int, sent date', [ '{"id": 1, "sent": "2026|26|11"}', '{"id": 2, "sent": "2026|27|11"}' ]), 0, 'the fourth takes no request');
is(of_incident($node, 'four', 'state'), 'healed', 'and heals');
is(value('SELECT string_agg(sent::text, \' \' ORDER BY id) FROM four'), '2026-11-26 2026-11-27', 'with what was meant');
is(value("SELECT playbook || ' ' || proposed_by || ' ' || coalesce(conversation::text, 'nobody asked') FROM selfheal.plan WHERE id = " . of_incident($node, 'four', 'plan_id')),
	"learnt:$id selfheal nobody asked", 'by the learnt playbook');
is(value("SELECT count(*) FROM selfheal.audit WHERE event = 'replayed' AND table_name = 'four' AND playbook = 'learnt:$id'"), 1, 'which the audit names');
is(value('SELECT healed || \' \' || applied FROM selfheal.playbooks'), '1 3', 'its own heals are no lessons');

# ---- what it is not for ----
is(heal('words', 'id int, at date', ['{"id": 1, "at": "2026|31|12 or so"}']), 1, 'another notation is for Claude');
is(of_incident($node, 'words', 'state'), 'needs_human', 'who knows no plan');
is(heal('stamps', 'id int, at timestamp', ['{"id": 1, "at": "2026|28|11"}']), 1, 'so is a column of another type');
is(value('SELECT state FROM selfheal.playbooks'), 'promoted', 'that is no fault of the playbook');

# ---- what the team's policy says counts for it, too ----
value('CREATE TABLE asks (id int, at date); SELECT selfheal.watch(\'asks\'); SELECT selfheal.set_policy(\'asks\', \'parse_timestamp\', NULL, \'review\')');
my $before = $fake->count;
load($node, 'asks', '{"id": 1, "at": "2026|29|11"}');
settle($node);
is(of_incident($node, 'asks', 'state') . ' ' . ($fake->count - $before), 'awaiting_approval 0', 'where policy asks it waits for a person');
value('SELECT selfheal.approve(' . of_incident($node, 'asks', 'plan_id') . ')');
settle($node);
is(of_incident($node, 'asks', 'state'), 'healed', 'who approves it');

# ---- a question of the proof: it waits for a person ----
for my $n (1 .. 3)
{
	is(heal("dmy$n", 'id int, at date', [ '{"id": 1, "at": "2' . $n . '|2026|11"}' ], step('parse_timestamp', 'at', formats => ['DD|YYYY|MM'])), 1,
		"another notation, $n: requests");
}
my $dmy = value('SELECT id FROM selfheal.playbooks WHERE state = \'offered\'');
value("SELECT selfheal.promote($dmy)");
is(heal('dmy4', 'id int, at date', ['{"id": 1, "at": "03|2026|04"}']), 0, 'what can be read both ways takes no request');
is(of_incident($node, 'dmy4', 'state'), 'awaiting_approval', 'and does not run by itself');
like(of_incident($node, 'dmy4', 'reason'), qr/day and month exchanged/, 'since only a person knows');
is(value('SELECT playbook FROM selfheal.plan WHERE id = ' . of_incident($node, 'dmy4', 'plan_id')), "learnt:$dmy", 'of the learnt playbook');
is(value('SELECT count(*) FROM dmy4'), 0, 'nothing is stored');

# ---- a key that moved: the names of its parts stay ----
for my $n (1 .. 4)
{
	my @move = $n < 4 ? (step('map_field', 'client', path => [ 'client', 'mail' ], rest => 'drop', to => 'email')) : ();
	value('SELECT selfheal.promote(id) FROM selfheal.playbooks WHERE state = \'offered\'') if $n == 4;
	is(heal("moved$n", 'id int, client int, email text', ['{"id": 1, "client": {"mail": "a@b.example", "since": 2020}}'], @move),
		$n < 4 ? 1 : 0, "key that moved, $n: requests");
	is(of_incident($node, "moved$n", 'state'), 'awaiting_approval', 'a mapping of a key is for a person to approve');
	value('SELECT selfheal.approve(' . of_incident($node, "moved$n", 'plan_id') . ')');
	settle($node);
	is(value("SELECT email FROM moved$n"), 'a@b.example', 'and goes where it belongs');
}
is(heal('moved5', 'id int, client int', ['{"id": 1, "client": {"mail": "a@b.example", "since": 2020}}']), 1, 'without its column it is not for this table');

# ---- a key that was renamed and nested, of which a playbook has its own plan: that of Claude's is learnt ----
for my $n (1 .. 4)
{
	my @move = $n < 4 ? (step('map_field', 'customer', path => [ 'customer', 'name' ], rest => 'drop', to => 'customer_name')) : ();
	value('SELECT selfheal.promote(id) FROM selfheal.playbooks WHERE state = \'offered\'') if $n == 4;
	is(heal("people$n", 'id int, customer_name text NOT NULL', [ map { "{\"id\": $_, \"customer\": {\"name\": \"Ann $_\"}}" } 1 .. 2 ], @move),
		$n < 4 ? 1 : 0, "restructured, $n: requests");
	is(value("SELECT count(*) || ' ' || min(verdict) FROM selfheal.pending WHERE table_name = 'public.people$n' AND sql ~ 'map_field' AND sql !~ 'ALTER'"),
		'1 review', 'the mapping is what waits for a person');
	value("SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'public.people$n'");
	settle($node);
	is(value("SELECT string_agg(customer_name, ' ' ORDER BY id) FROM people$n"), 'Ann 1 Ann 2', 'and stores the rows');
	is(value("SELECT string_agg(DISTINCT state, ' ') FROM selfheal.incidents WHERE table_name = 'public.people$n'"), 'healed', 'of all its incidents');
}
is(value('SELECT count(*) FROM selfheal.playbooks WHERE state = \'promoted\' AND healed = 1 AND subject = \'customer\''), 1, 'it is about that key');

# ---- a dry run that fails: demoted, and the incident goes on without it ----
is(heal('strict', 'id int, at date CHECK (at > \'2030-01-01\')', ['{"id": 1, "at": "2026|30|11"}']), 1, 'a playbook that fails its dry run leaves it to Claude');
is(of_incident($node, 'strict', 'state'), 'needs_human', 'who leaves it to a person');
is(value("SELECT state || ' ' || decided_by FROM selfheal.playbooks WHERE id = $id"), 'demoted selfheal', 'and is demoted');
is(events($id), 'playbook_offered playbook_promoted playbook_demoted', 'with its dry run in the audit');
like(value("SELECT dry_run ->> 'ok' || ' ' || result FROM selfheal.audit WHERE event = 'playbook_demoted' AND playbook = 'learnt:$id'"),
	qr/^false the dry run failed/, 'and why');
is(value('SELECT count(*) FROM strict'), 0, 'nothing was stored');
is(heal('after', 'id int, at date', ['{"id": 1, "at": "2026|26|11"}'], step('parse_timestamp', 'at', formats => ['YYYY|DD|MM'])), 1, 'it is not used any more');

# ---- what has to be learnt once more; a reading that a person took back fails its rehearsal ----
value('SELECT selfheal.remove_mapping(id) FROM selfheal.mappings WHERE table_name = \'public.one\'');
heal("again$_", 'id int, at date', ['{"id": 1, "at": "2026|26|11"}'], @lesson) for 1 .. 2;
is(value("SELECT state || ' ' || reason FROM selfheal.playbooks WHERE id = $id"), 'demoted its rehearsal failed', 'learnt once more, it is rehearsed');
like(value("SELECT rehearsal ->> 'failed' FROM selfheal.playbooks WHERE id = $id"), qr/has removed mapping/, 'and fails, since a person took its reading back');
($rc, $out, $err) = $node->psql('postgres', "SELECT selfheal.promote($id)");
like($err, qr/failed its rehearsal/, 'and cannot be promoted');

is($fake->count(status => 400), 0, 'no request that the API would refuse');
is(value('SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit holds');

$node->stop;
done_testing();
