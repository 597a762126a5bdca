// The certified provider: `oidc-provider` with one client, its own development log-in forms, and groups of its own.
// Says in one line of JSON where it listens; ends when its input does.
import { once } from 'node:events';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const { CLIENT, SECRET, REDIRECT } = process.env;
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: CLIENT, client_secret: SECRET, redirect_uris: [REDIRECT], grant_types: ['authorization_code'], response_types: ['code'] }],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
  // As by default: the ID token says only who it is, the other claims are at UserInfo (OpenID Connect Core, 5.4).
  conformIdTokenClaims: true,
  cookies: { keys: ['a key for tests'] },
  pkce: { required: () => true },
  findAccount: (_, subject) => ({
    accountId: subject,
    claims: () => ({ sub: subject, name: 'Cora Certified', email: `${subject}@Acme.Example`, email_verified: true, groups: ['platform', 'on-call'] }),
  }),
});
server.on('request', provider.callback());

process.stdin.resume().on('end', () => process.exit());
console.log(JSON.stringify({ issuer }));
