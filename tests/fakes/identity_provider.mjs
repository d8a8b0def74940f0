// A certified OpenID provider, `oidc-provider`, on loopback. Prints its port; each line of standard input is a setting:
// {"callback": URL, "after": URL, "keys": [JWK], "secret": TEXT, "in_token": BOOL} once, then {"accounts": {NAME: CLAIMS}}.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, port] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/x.js`));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

let accounts = {};
let answer = (request, response) => { response.statusCode = 503; response.end(); };
const server = createServer((request, response) => answer(request, response));
server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));

function configure({ callback, after, keys, secret, in_token }) {
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    clients: [{
      client_id: 'interdict', client_secret: secret, redirect_uris: [callback], post_logout_redirect_uris: [after],
      grant_types: ['authorization_code'], response_types: ['code'],
    }],
    jwks: { keys },
    cookies: { keys: ['of a test'] },
    conformIdTokenClaims: !in_token,
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email', 'email_verified'] },
    pkce: { required: () => true, methods: ['S256'] },
    ttl: { AuthorizationCode: 60, IdToken: 60, AccessToken: 60, Interaction: 600, Session: 3600, Grant: 3600 },
    findAccount: (context, sub) => (sub in accounts ? { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) } : undefined),
    renderError: (context, out, error) => { context.type = 'text/plain'; context.body = `${out.error}: ${error.message}`; },
  });
  answer = provider.callback();
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (said.callback) configure(said);
  if (said.accounts) accounts = said.accounts;
  console.log('done');
}
process.exit(0);
