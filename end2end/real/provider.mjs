// A certified OpenID provider with people who can log in by their name: `node provider.mjs PORT CLIENT_ID SECRET REDIRECT`.
import Provider from "oidc-provider";

const [port, clientId, clientSecret, redirect] = process.argv.slice(2);
const groups = { ada: ["operators"], sena: ["seniors"], dana: ["developers"] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirect],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"], groups: ["groups"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({
      sub,
      name: sub.charAt(0).toUpperCase() + sub.slice(1),
      preferred_username: sub,
      email: `${sub}@shop.example`,
      email_verified: true,
      groups: groups[sub] ?? [],
    }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
