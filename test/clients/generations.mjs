// The official clients under one face. connect(KIND, ...) gives an object with
// the same methods for each; what they check of a server's answers stays theirs.
//
//	sdk1	@modelcontextprotocol/sdk 1.x, which knows the handshake alone
//	legacy	@modelcontextprotocol/client 2.x, told to use the handshake
//	auto	the same, which asks server/discover first
//	modern	the same, told to use the revision without a handshake
const COMMAND = process.env.SELFHEAL_MCP;

async function parts(kind) {
	if (kind === 'sdk1') {
		const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
		const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
		return { Client, StdioClientTransport, options: {} };
	}
	const { Client } = await import('@modelcontextprotocol/client');
	const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
	const mode = kind === 'modern' ? { pin: '2026-07-28' } : kind;
	return { Client, StdioClientTransport, options: { versionNegotiation: { mode } } };
}

export async function connect(kind, args) {
	const { Client, StdioClientTransport, options } = await parts(kind);
	const transport = new StdioClientTransport({ command: COMMAND, args, stderr: 'ignore' });
	const client = new Client({ name: `tester-${kind}`, version: '1' }, options);
	const face = { kind, client, transport, closed: false, spoil: null };
	await client.connect(transport);
	// What comes in can be changed on its way, to see that the client looks at it.
	const incoming = transport.onmessage;
	transport.onmessage = (message, ...more) => incoming.call(transport, face.spoil ? face.spoil(message) : message, ...more);
	const outgoing = transport.send;
	transport.send = (message, ...more) => { face.sent = message; return outgoing.call(transport, message, ...more); };
	client.onclose = () => { face.closed = true; };

	face.modern = kind === 'auto' || kind === 'modern';
	face.call = (name, args_, how) => kind === 'sdk1'
		? client.callTool({ name, arguments: args_ }, undefined, how) : client.callTool({ name, arguments: args_ }, how);
	// All of a list: the second generation walks the pages by itself.
	face.all = async (method, member) => {
		const all = [];
		let cursor;
		do {
			const page = await client[method](cursor === undefined ? undefined : { cursor });
			all.push(...page[member]);
			cursor = page.nextCursor;
		} while (cursor !== undefined);
		return all;
	};
	face.close = () => client.close();
	return face;
}
