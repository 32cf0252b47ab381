// One client, one schema: everything that a client of MCP does with
// selfheal-mcp. conversation.mjs KIND SCHEMA CONNSTR (without a user).
//
// The test has made SCHEMA (see 103_mcp_clients.pl): orders with an incident
// that waits for approval, one for a person, and healed ones; secret, which the
// role reader may not read; paused, with rows that wait; many tables.
import { isDeepStrictEqual } from 'node:util';
import { connect } from './generations.mjs';
import { ask, chapter, done, is, like, ok, refused, sql, untilTrue } from './check.mjs';

const [kind, schema, connstr] = process.argv.slice(2);
const as = (role, ...before) => connect(kind, [...before, `${connstr} user=${role}`]);
const orders = `${schema}.orders`;

// The structured part of an answer that is no error; its text says the same.
// What the client refuses of an answer is a fault of ours.
async function told(c, name, args, how) {
	const r = await c.call(name, args, how).catch((e) => ({ refused: e.message }));
	ok(!r.isError && r.structuredContent, `${name} ${JSON.stringify(args).slice(0, 60)}`, r);
	// members of an object have no order
	ok(r.content && isDeepStrictEqual(JSON.parse(r.content[0].text), r.structuredContent), `${name}: the text says the same`, r);
	return r.structuredContent ?? {};
}
async function fails(c, name, args, pattern, why) {
	const r = await c.call(name, args);
	ok(r.isError && r.structuredContent === undefined && r.content.length === 1, `${name}: ${why}: isError`, r);
	like(r.content?.[0]?.text ?? '', pattern, `${name}: ${why}: says what is wrong`);
}
const active = (count) => untilTrue(`SELECT count(*) ${count} FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT selfheal.mcp%'`);

chapter(kind);
let c = await as('agent');
is(c.client.getServerVersion().name, 'selfheal', 'connected');
like(c.client.getInstructions() ?? '', /incident/, 'instructions');
is(Object.keys(c.client.getServerCapabilities()).sort(), ['completions', 'prompts', 'resources', 'tools'], 'capabilities');
if (kind !== 'sdk1') {
	is([c.client.getProtocolEra(), c.client.getNegotiatedProtocolVersion()], c.modern ? ['modern', '2026-07-28'] : ['legacy', '2025-11-25'], 'the era');
}
if (c.modern) {
	is((await c.client.discover()).supportedVersions, ['2026-07-28'], 'server/discover');
	await refused(c.client.ping(), undefined, /./, 'no ping in this revision');
} else {
	await c.client.ping();
	ok(true, 'ping');
}

// The client has validated the list, and from here on what tools answer.
chapter(`${kind}, tools`);
const tools = (await c.client.listTools()).tools;
const names = tools.map((t) => t.name);
is(names, ['add_mapping', 'apply_safe_ddl', 'approve_plan', 'execute_dry_run_migration', 'explain_incident', 'get_audit_trail',
	'inspect_schema', 'list_incidents', 'list_pending_plans', 'read_error_log', 'reject_plan', 'report_failure', 'retry_incident',
	'sample_payloads', 'verify_audit'], 'what an operator is offered');
ok(tools.every((t) => t.description.length > 50 && t.outputSchema && t.annotations && typeof t.annotations.readOnlyHint === 'boolean'), 'described');

const incidents = (await told(c, 'list_incidents', { table: orders })).incidents;
const by = (klass) => incidents.find((i) => i.class === klass);
is(incidents.map((i) => `${i.class} ${i.state}`).sort(),
	['bad_value needs_human', 'out_of_range healed', 'too_long awaiting_approval', 'unknown_key healed'], 'incidents');
let page = await told(c, 'list_incidents', { table: orders, limit: 3 });
is([page.incidents.length, page.has_more], [3, true], 'a page');
page = await told(c, 'list_incidents', { table: orders, limit: 3, cursor: page.next_cursor });
is([page.incidents.length, page.has_more, page.next_cursor], [1, false, undefined], 'the next page is the last');
await fails(c, 'list_incidents', { cursor: 'nonsense' }, /cursor/, 'a cursor that is none');

is((await told(c, 'inspect_schema', { table: orders })).columns_in_all, 5, 'inspect_schema: columns');
const day = by('bad_value').incident, long = by('too_long');
ok((await told(c, 'read_error_log', { table: orders })).errors.length >= 4, 'read_error_log: errors');
ok((await told(c, 'read_error_log', { incident: day })).errors.every((e) => e.class === 'bad_value'), 'read_error_log: of an incident');
is((await told(c, 'explain_incident', { incident: day })).state, 'needs_human', 'explain_incident: state');
is((await told(c, 'sample_payloads', { incident: day })).payloads.length, 1, 'sample_payloads: payloads');
ok((await told(c, 'get_audit_trail', { table: orders, limit: 50 })).events.some((e) => e.event === 'applied'), 'get_audit_trail: events');
is((await told(c, 'verify_audit', {})).ok, true, 'verify_audit: ok');

// A dry run, with its progress. The clients forget what is still to be told
// when the answer comes, so that it is counted on the wire.
const heard = [], wire = [];
const change = `ALTER TABLE ${orders} ALTER COLUMN code TYPE varchar(64)`;
c.spoil = (m) => { if (m.method === 'notifications/progress') wire.push(m.params); return m; };
const dry = await told(c, 'execute_dry_run_migration', { table: orders, ddl: change }, { onprogress: (p) => heard.push(p) });
c.spoil = null;
is([dry.dry_run.ok, dry.dry_run.held_stored], [true, 1], 'dry run: the held row fits');
const token = c.sent.params._meta.progressToken;
ok(wire.length >= 2 && wire.every((p, i) => p.progressToken === token && p.message && (i === 0 || p.progress > wire[i - 1].progress)), 'progress with the token, rising', { token, wire });
is(heard.map((p) => p.message), wire.slice(0, heard.length).map((p) => p.message), 'the client hears it');
is(await sql(`SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '${orders}'::regclass AND attname = 'code'`),
	'character varying(4)', 'dry run: nothing stays');

// Proposed by this role: it cannot approve it; it can take it back.
const mine = await told(c, 'apply_safe_ddl', { table: orders, ddl: change, why: 'codes have become longer' });
is(mine.state, 'awaiting_approval', 'apply_safe_ddl: waits for a person');
await fails(c, 'approve_plan', { plan: mine.plan, plan_hash: mine.plan_hash }, /./, 'his own plan');
is((await told(c, 'list_pending_plans', { plan: mine.plan })).plans[0].state, 'awaiting_approval', 'list_pending_plans: it still waits');
is((await told(c, 'reject_plan', { plan: mine.plan, why: 'the healer has a better one' })).state, 'rejected', 'reject_plan: state');

// The healer's plan, with the hash that was read.
const waits = (await told(c, 'list_pending_plans', { table: orders })).plans.find((p) => p.plan === long.plan);
ok(waits && /varying\(\d+\)/.test(waits.sql), 'list_pending_plans: the healer\'s', waits);
await fails(c, 'approve_plan', { plan: waits.plan, plan_hash: '0'.repeat(64) }, /hash/, 'another hash');
ok(['approved', 'applied'].includes((await told(c, 'approve_plan', { plan: waits.plan, plan_hash: waits.plan_hash })).state), 'approve_plan: state');
is((await told(c, 'explain_incident', { incident: long.incident, wait_seconds: 30 })).state, 'healed', 'explain_incident waits until it is healed');

const mapped = await told(c, 'add_mapping', { table: orders, kind: 'parse_timestamp', field: 'day', column: 'day', args: '{"formats": ["DD|MM|YYYY"]}', why: 'the station writes it so' });
is(mapped.held_rows_that_fit, 1, 'add_mapping: the held row fits');
ok((await told(c, 'retry_incident', { incident: day })).next_step, 'retry_incident: what next');
is((await told(c, 'explain_incident', { incident: day, wait_seconds: 30 })).state, 'healed', 'and healed');
is(await sql(`SELECT string_agg(id || ' ' || coalesce(code, '') || ' ' || coalesce(day::text, ''), ',' ORDER BY id) FROM ${orders} WHERE id >= 10`),
	'10 too long ,11 ab ,12 ab 2026-12-31,13  ', 'all rows are there');
is((await told(c, 'report_failure', { table: orders, sqlstate: '22001', message: 'value too long', source: 'nightly load', payloads: ['{"id": 20, "code": "a"}'] })).payloads_held,
	1, 'report_failure: held');

const good = new Set(['add_mapping', 'apply_safe_ddl', 'approve_plan', 'execute_dry_run_migration', 'explain_incident', 'get_audit_trail', 'inspect_schema',
	'list_incidents', 'list_pending_plans', 'read_error_log', 'reject_plan', 'report_failure', 'retry_incident', 'sample_payloads', 'verify_audit']);
is(names.filter((n) => !good.has(n)), [], 'each tool that is offered was called');
for (const t of tools) {
	await fails(c, t.name, { nonsense: 1 }, /nonsense|required|missing|needed/i, 'an argument that it has not');
	const [key, property] = Object.entries(t.inputSchema.properties)[0];
	await fails(c, t.name, { [key]: property.type === 'integer' ? 'one' : { a: 1 } }, /./, 'a value of another type');
}
await refused(c.call('drop_table', {}), -32602, /drop_table/, 'a tool that is not there');
await fails(c, 'set_policy', { table: orders, verdict: 'auto' }, /permission denied for tool set_policy/, 'a tool that is not his');

// The client does look: an answer that breaks the tool's schema is refused.
c.spoil = (m) => { if (m.result?.structuredContent) delete m.result.structuredContent.sealed; return m; };
await refused(c.call('verify_audit', {}), undefined, /schema|valid|sealed/i, 'the client refuses what the schema does not allow');
c.spoil = null;

chapter(`${kind}, resources`);
let pages = 0;
c.spoil = (m) => { if (m.result?.resources) pages++; return m; };
const resources = await c.all('listResources', 'resources');
c.spoil = null;
const uris = resources.map((r) => r.uri);
ok(pages >= 2 && new Set(uris).size === uris.length, 'all pages, each resource once', { pages, n: uris.length });
const templates = (await c.client.listResourceTemplates()).resourceTemplates.map((t) => t.uriTemplate).sort();
is(templates, ['selfheal://errors/{table}', 'selfheal://incident/{id}', 'selfheal://migration/{id}', 'selfheal://table/{table}', 'selfheal://table/{table}/history'], 'templates');
const migration = uris.find((u) => u.startsWith('selfheal://migration/'));
for (const [uri, type, what] of [['selfheal://errors', 'application/json', /"errors"/], [`selfheal://errors/${orders}`, 'application/json', /too_long/],
	[`selfheal://table/${orders}`, 'application/json', /"columns"/], [`selfheal://table/${orders}/history`, 'application/json', /"versions"/],
	[`selfheal://incident/${day}`, 'application/json', /bad_value/], [`selfheal://migration/${long.plan}`, 'application/sql', /ALTER TABLE/]]) {
	const r = (await c.client.readResource({ uri })).contents;
	ok(r.length === 1 && r[0].uri === uri && r[0].mimeType === type && what.test(r[0].text), `read ${uri.replace(/\d+/, 'N')}`, r);
	if (type === 'application/json') JSON.parse(r[0].text);
}
ok(migration !== undefined, 'migrations are listed');
// the second generation gives its users the newer code, whatever was sent
const gone = kind === 'sdk1' ? -32002 : -32602;
for (const uri of ['selfheal://incident/999999999', 'selfheal://table/no.where', 'selfheal://nothing', 'file:///etc/passwd']) {
	await refused(c.client.readResource({ uri }), gone, /./, `no such resource: ${uri}`);
}
await refused(c.client.listResources({ cursor: 'nonsense' }), -32602, /cursor/, 'a bad cursor');

chapter(`${kind}, prompts`);
const prompts = (await c.client.listPrompts()).prompts;
is(prompts.map((p) => p.name), ['diagnose_incident', 'morning_triage', 'review_pending_plan', 'write_permanent_fix'], 'listed');
for (const [name, args] of [['morning_triage', { hours: '24' }], ['diagnose_incident', { incident: String(day) }],
	['review_pending_plan', { plan: String(waits.plan) }], ['write_permanent_fix', { table: orders }]]) {
	const p = await c.client.getPrompt({ name, arguments: args });
	ok(p.messages.length >= 1 && JSON.stringify(p.messages).includes(schema), `${name}: with its facts`, p);
}
await refused(c.client.getPrompt({ name: 'nothing' }), -32602, /./, 'a prompt that is not there');
await refused(c.client.getPrompt({ name: 'diagnose_incident', arguments: { incident: 'x' } }), -32602, /./, 'an argument that is no number');
let values = (await c.client.complete({ ref: { type: 'ref/prompt', name: 'diagnose_incident' }, argument: { name: 'incident', value: '' } })).completion.values;
ok(values.length > 0 && values.every((v) => /^\d+$/.test(v)), 'completion of an argument', values);
values = (await c.client.complete({ ref: { type: 'ref/resource', uri: 'selfheal://table/{table}' }, argument: { name: 'table', value: `${schema}.or` } })).completion.values;
is(values, [orders], 'completion of a template');

// A call that waits is cancelled; meanwhile another client is served.
chapter(`${kind}, cancel`);
const paused = Number(await sql(`SELECT id FROM selfheal.incident WHERE relid = '${schema}.paused'::regclass`));
const stop = new AbortController();
const started = Date.now();
const waiting = c.call('explain_incident', { incident: paused, wait_seconds: 30 }, { signal: stop.signal }).then(() => 'answered', () => 'stopped');
ok(await active('= 1'), 'a call waits');
const other = await as('reader');
ok(!(await other.call('list_incidents', {})).isError, 'another client is served');
stop.abort();
is(await waiting, 'stopped', 'the client stops');
ok(await active('= 0'), 'and so does the database');
ok(Date.now() - started < 25000, 'before it would have ended', Date.now() - started);
ok(!(await c.call('verify_audit', {})).isError, 'the next call works');

chapter(`${kind}, rights`);
const his = (await other.client.listTools()).tools;
ok(his.length > 5 && his.every((t) => t.annotations.readOnlyHint), 'a viewer is offered what reads', his.map((t) => t.name));
await fails(other, 'inspect_schema', { table: `${schema}.secret` }, /./, 'a table that is not his');
await refused(other.client.readResource({ uri: `selfheal://table/${schema}.secret` }), gone, /./, 'nor its resource');
ok(!(await other.all('listResources', 'resources')).some((r) => r.uri.includes('secret')), 'nor is it listed');
await fails(other, 'retry_incident', { incident: day }, /permission denied for tool retry_incident/, 'a tool of operators');
await other.close();
const careful = await as('agent', '--read-only');
const reading = (await careful.client.listTools()).tools;
ok(reading.length > 5 && reading.every((t) => t.annotations.readOnlyHint), '--read-only offers what reads');
await fails(careful, 'reject_plan', { plan: waits.plan, why: 'x' }, /mcp_read_only/, 'is not run by --read-only');
await careful.close();
const boss = await as('boss');
ok((await boss.client.listTools()).tools.some((t) => t.name === 'set_policy'), 'an admin sets policy');
is((await told(boss, 'set_policy', { table: orders, step: 'add_column', cost: 'metadata', verdict: 'review' }))
	.effective.filter((e) => e.step === 'add_column' && e.cost === 'metadata').map((e) => e.verdict), ['review'], 'set_policy: in force');
await fails(boss, 'set_policy', { table: orders, verdict: 'maybe' }, /verdict|maybe/, 'a verdict that is none');
await boss.close();
// The handshake says it, or the first request does.
// (Told to use one revision alone, the client does not say what it was told.)
await refused(as('stranger').then((s) => s.client.listTools()), undefined, kind === 'modern' ? /did not offer/ : /permission denied/, 'a role without a level');

// What ends, and comes again.
chapter(`${kind}, ends`);
process.kill(c.transport.pid, 'SIGKILL');
for (let i = 0; i < 200 && !c.closed; i++) await new Promise((r) => setTimeout(r, 20));
ok(c.closed, 'the bridge is killed: the client knows');
c = await as('agent');
ok(!(await c.call('list_incidents', {})).isError, 'another one takes over');
await ask('restart');
ok(!(await c.call('list_incidents', { limit: 1 })).isError, 'the server is restarted: the next call is answered');
is(await sql(`SELECT actor_client FROM selfheal.audit WHERE event = 'tool_called' ORDER BY id DESC LIMIT 1`), `tester-${kind} 1`, 'the audit has the client\'s name');
await c.close();
ok(await untilTrue(`SELECT count(*) = 0 FROM pg_stat_activity WHERE usename IN ('agent', 'reader', 'boss')`), 'closed: no connection stays');
done();
