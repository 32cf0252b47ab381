# What no playbook knows is asked of Claude (a strict fake): its plan is vetted,
# tried, and applied or put before a person by policy.
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
my $node = claude_server('claude', $fake);

sub step { my ($kind, $column, %args) = @_; return { kind => $kind, column => $column, type => '', labels => [], args => encode_json({%args}) } }

# ---- a notation of dates that no playbook accepts ----
$fake->set_script([
	{ tools => [ [ sample_payloads => {} ] ] },
	{ tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']) ]) ] },
]);
watch_table($node, 'dates', 'id int, at date');
load($node, 'dates', '{"id": 1, "at": "2026|21|11"}', '{"id": 2, "at": "2026|22|11"}');
settle($node);
is(of_incident($node, 'dates', 'state'), 'healed', 'a notation is learnt');
diag of_incident($node, 'dates', 'to_jsonb(i)') ;
diag $node->safe_psql('postgres', "SELECT kind, tool, is_error, stop_reason, status, fault, left(body::text, 3000) FROM selfheal.agent_turn ORDER BY id");
diag slurp_file($node->logfile);
done_testing();
