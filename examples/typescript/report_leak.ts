/**
 * Declare an incident, acknowledge it and read it back, with types made from the API's own
 * description: what it does not allow does not compile.
 *
 * Needs Node 20. With a server from `./tallystick up`:
 *
 *     npm install && npm run generate && npm run build
 *     npm start ~/.local/share/tallystick/first-login.json
 */

import { readFileSync } from "node:fs";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type Login = { url: string; email: string; password: string };

/** What was answered; a refusal says in a sentence what to do next. */
function told<T>(answer: { data?: T; error?: Problem | string }): T {
  if (answer.data === undefined) {
    const refused = answer.error;
    throw new Error(typeof refused === "object" ? `${refused.code}: ${refused.detail}` : refused);
  }
  return answer.data;
}

async function signedIn(login: Login): Promise<Client<paths>> {
  const api = createClient<paths>({ baseUrl: login.url });
  const { email, password } = login;
  const tokens = told(await api.POST("/v1/auth/token", { body: { email, password } }));
  api.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${tokens.access_token}`);
    },
  });
  return api;
}

async function tell(api: Client<paths>): Promise<void> {
  const declaring = await api.POST("/v1/incidents", {
    body: { title: "The forklift leaks oil", severity: "sev3", team: "warehouse" },
    // Sent again with the same key, it declares nothing twice.
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  });
  const declared = told(declaring);
  console.log(`Declared ${declared.reference}.`);
  const path = { id: declared.id };
  const seen = declaring.response.headers.get("ETag") ?? undefined;
  // Refused, 412, if anybody has changed the incident since.
  const acknowledged = told(
    await api.POST("/v1/incidents/{id}/acknowledge", {
      params: { path, header: { "If-Match": seen } },
    }),
  );
  // The position makes the read wait until the read side has caught up with it.
  const query = { min_position: acknowledged.position };
  const incident = told(await api.GET("/v1/incidents/{id}", { params: { path, query } }));
  console.log(`${incident.reference} "${incident.title}" is ${incident.status}.`);
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  throw new Error("Name the file that holds the login, such as first-login.json.");
}
await tell(await signedIn(JSON.parse(readFileSync(file, "utf8")) as Login));
