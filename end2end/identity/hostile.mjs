// Two hostile providers on top of `oauth2-mock-server`. What they do wrong is said by the parameter `wrong` that the test
// adds to the authorization request; without it they are honest. `promising` says that it names itself in its answers
// (RFC 9207), `silent` does not. `/issued` tells what was sent last, so that the test can look for it in the log.
// Says in one line of JSON where they listen; ends when its input does.
import { createHash, createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const { CLIENT, SECRET } = process.env;
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const jwt = (header, payload, signer) => {
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${Buffer.from(signer(text)).toString('base64url')}`;
};
const rsa = (key) => (text) => sign('sha256', Buffer.from(text), key);
const hmac = (key) => (text) => createHmac('sha256', key).update(text).digest();

/** What the token endpoint sends: the body, changed as the test wants it. */
function forge(wrong, body, { issuer, key, kid, nonce }) {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', kid };
  const claims = {
    iss: issuer, sub: 'johndoe', aud: CLIENT, iat: now, exp: now + 600, nonce, name: 'Hank Honest', groups: [],
    at_hash: createHash('sha256').update(body.access_token).digest().subarray(0, 16).toString('base64url'),
  };
  const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' });
  const token = (changed, heading = {}, signer = rsa(key)) => ({ ...body, id_token: jwt({ ...header, ...heading }, { ...claims, ...changed }, signer) });
  const ways = {
    'honest': () => token({}),
    'alg-none': () => token({}, { alg: 'none' }, () => ''),
    'hs256-with-the-public-key': () => token({}, { alg: 'HS256' }, hmac(pem)),
    'hs256-with-the-client-secret': () => token({}, { alg: 'HS256' }, hmac(SECRET)),
    'wrong-issuer': () => token({ iss: 'https://evil.example' }),
    'issuer-with-a-slash': () => token({ iss: `${issuer}/` }),
    'wrong-audience': () => token({ aud: 'somebody-else' }),
    'no-audience': () => token({ aud: undefined }),
    'several-audiences': () => token({ aud: [CLIENT, 'somebody-else'] }),
    'several-audiences-given-to-another': () => token({ aud: [CLIENT, 'somebody-else'], azp: 'somebody-else' }),
    'given-to-another': () => token({ azp: 'somebody-else' }),
    'expired': () => token({ iat: now - 7200, exp: now - 3600 }),
    'never-expires': () => token({ exp: undefined }),
    'issued-in-the-future': () => token({ iat: now + 3600, exp: now + 7200 }),
    'issued-long-ago': () => token({ iat: now - 30 * 86400 }),
    'wrong-nonce': () => token({ nonce: 'another' }),
    'missing-nonce': () => token({ nonce: undefined }),
    'missing-subject': () => token({ sub: undefined }),
    'unknown-key': () => token({}, { kid: 'nobody-knows' }, rsa(stranger)),
    'strange-key-under-a-known-name': () => token({}, {}, rsa(stranger)),
    'key-in-the-header': () => token({}, { kid: undefined, jwk: createPublicKey(stranger).export({ format: 'jwk' }) }, rsa(stranger)),
    'tampered': () => {
      const [heading, , signature] = token({}).id_token.split('.');
      return { ...body, id_token: [heading, part({ ...claims, sub: 'root' }), signature].join('.') };
    },
    'no-signature': () => ({ ...body, id_token: token({}).id_token.replace(/[^.]*$/, '') }),
    'wrong-access-token-hash': () => token({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }),
    'no-id-token': () => ({ ...body, id_token: undefined }),
    'nonsense-as-id-token': () => ({ ...body, id_token: 'nonsense' }),
    'number-as-id-token': () => ({ ...body, id_token: 7 }),
    'endless-answer': () => ({ ...token({}), padding: 'x'.repeat(3 << 20) }),
  };
  if (!ways[wrong]) throw new Error(`nobody taught the provider to be wrong as ${wrong}`);
  return ways[wrong]();
}

async function start(promises) {
  const issuer = new OAuth2Issuer();
  const { kid } = await issuer.keys.generate('RS256');
  const key = createPrivateKey({ key: issuer.keys.get(kid), format: 'jwk' });
  const service = new OAuth2Service(issuer);
  const begun = new Map();
  let issued = {};

  service.on('beforeAuthorizeRedirect', ({ url }, request) => {
    begun.set(url.searchParams.get('code'), { wrong: request.query.wrong ?? 'honest', nonce: request.query.nonce });
    if (promises) url.searchParams.set('iss', issuer.url);
  });
  service.on('beforeResponse', (response, request) => {
    const { wrong, nonce } = begun.get(request.body.code);
    if (wrong === 'error') {
      response.statusCode = 400;
      response.body = { error: 'invalid_grant', error_description: 'not\ntoday' };
    } else if (wrong === 'fault') {
      response.statusCode = 500;
      response.body = {};
    } else {
      response.body = forge(wrong, response.body, { issuer: issuer.url, key, kid, nonce });
    }
    issued = response.body;
  });

  const server = createServer((request, response) => {
    const json = (value) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (request.url === '/issued') return json(issued);
    if (request.url === '/.well-known/openid-configuration') {
      const at = (path) => `${issuer.url}${path}`;
      return json({
        issuer: issuer.url, authorization_endpoint: at('/authorize'), token_endpoint: at('/token'), jwks_uri: at('/jwks'),
        response_types_supported: ['code'], subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
        ...(promises && { authorization_response_iss_parameter_supported: true }),
      });
    }
    return service.requestHandler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer.url = `http://127.0.0.1:${server.address().port}`;
  return issuer.url;
}

process.stdin.resume().on('end', () => process.exit());
console.log(JSON.stringify({ promising: await start(true), silent: await start(false) }));
