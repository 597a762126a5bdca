// Sends what GitHub sends when a workflow run has succeeded: `node github.mjs URL SECRET REPOSITORY_PATH OLD NEW`. Signed.
import { createHmac, randomUUID } from "node:crypto";

const [url, secret, path, before, after] = process.argv.slice(2);
const repository = {
  id: 1,
  full_name: "shop/storefront",
  name: "storefront",
  default_branch: "main",
  clone_url: `file://${path}`,
  html_url: "https://github.example/shop/storefront",
  owner: { login: "shop" },
};
const now = new Date().toISOString();
const run = {
  id: 9001,
  name: "build",
  run_number: 7,
  run_attempt: 1,
  event: "push",
  status: "completed",
  conclusion: "success",
  head_branch: "main",
  head_sha: after,
  html_url: "https://github.example/shop/storefront/actions/runs/9001",
  created_at: now,
  run_started_at: now,
  updated_at: now,
  head_repository: repository,
  repository,
  actor: { login: "dana" },
  triggering_actor: { login: "dana" },
};
const job = (id, name) => ({
  id,
  run_id: run.id,
  run_attempt: 1,
  name,
  status: "completed",
  conclusion: "success",
  head_sha: after,
  head_branch: "main",
  workflow_name: "build",
  created_at: now,
  started_at: now,
  completed_at: now,
});

async function send(event, payload) {
  const body = JSON.stringify(payload);
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
    },
    body,
  });
  if (answer.status !== 202) throw new Error(`${event}: ${answer.status} ${await answer.text()}`);
}

await send("push", {
  ref: "refs/heads/main",
  before,
  after,
  repository,
  pusher: { name: "dana" },
  sender: { login: "dana" },
  commits: [],
});
await send("workflow_job", { action: "completed", workflow_job: job(1, "unit tests"), repository });
await send("workflow_run", { action: "completed", workflow_run: run, repository });
