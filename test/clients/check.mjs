// What the drivers say to the test that started them: one JSON object a line.
// {"ok", "name", "detail"} is an assertion; {"do", ...} asks for something that
// the test does, which answers with one line of JSON on our stdin.
import { createInterface } from 'node:readline';

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');

let prefix = '';
export const chapter = (name) => { prefix = name + ': '; };

export function ok(value, name, detail) {
	say({ ok: !!value, name: prefix + name, detail: value ? undefined : detail === undefined ? String(value) : JSON.stringify(detail) });
	return !!value;
}
export const is = (got, wanted, name) => ok(JSON.stringify(got) === JSON.stringify(wanted), name, { got, wanted });
export const like = (got, pattern, name) => ok(pattern.test(got), name, { got, wanted: String(pattern) });

// The promise is refused, with this code of JSON-RPC (when one is given) and
// these words.
export async function refused(promise, code, pattern, name) {
	try {
		ok(false, name, { answered: await promise });
	} catch (e) {
		ok((code === undefined || e.code === code) && pattern.test(e.message), name, { code: e.code, message: e.message, wanted: [code, String(pattern)] });
	}
}

// Ask the test for it.
export async function ask(what, more = {}) {
	say({ do: what, ...more });
	const line = await answers.next();
	if (line.done) process.exit(3);
	return JSON.parse(line.value);
}
export const sql = async (text) => (await ask('sql', { text })).out;
// True in the end, or false after a while.
export const untilTrue = async (text) => (await ask('until', { text })).ok;

export function done() {
	say({ done: true });
	process.exit(0);
}
