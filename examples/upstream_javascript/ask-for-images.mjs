// Asks Pressroom for images by event and follows the batch to its end, with the published NATS client and the JSON
// Schemas of docs/schemas alone. The request is kept once the stream has confirmed it: whatever dies after that, here
// or there, the images are made. Run again with the same --batch-id and words, it follows the same batch.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { jetstream } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import Ajv2020 from "ajv/dist/2020.js";

const STREAM = "EVENTS";
const REQUESTED = "pressroom.batch.requested.v1";
const COMPLETED = "pressroom.batch.completed.v1";
const ENDS = [COMPLETED, "pressroom.batch.rejected.v1", "pressroom.batch.cancelled.v1"];
const SCHEMAS = new URL("../../docs/schemas/", import.meta.url);

// Moments are checked by whoever reads them.
const ajv = new Ajv2020({ formats: { "date-time": true } });

/** Throws, naming the field, when `body` is not what the schema of `type` says. */
function check(type, body) {
  const schema = JSON.parse(readFileSync(new URL(`${type}.json`, SCHEMAS), "utf8"));
  const isRight = ajv.getSchema(schema.$id) ?? ajv.compile(schema);
  if (!isRight(body)) throw new Error(ajv.errorsText(isRight.errors, { dataVar: type }));
}

/** The attributes of a CloudEvent 1.0 in binary mode. */
function attributes(type) {
  const said = headers();
  said.set("ce-specversion", "1.0");
  said.set("ce-id", randomUUID());
  said.set("ce-type", type);
  said.set("ce-source", "/upstream-javascript");
  said.set("ce-time", new Date().toISOString());
  said.set("content-type", "application/json");
  return said;
}

/** What happened, for a person. */
function lineOf(type, event) {
  switch (type) {
    case REQUESTED:
      return `asked for ${event.request.images?.length ?? event.request.count} images by ${event.request.provider}`;
    case "pressroom.batch.accepted.v1":
      return `accepted: ${event.image_count} images are planned`;
    case "pressroom.batch.rejected.v1":
      return `rejected: ${event.reasons.map((reason) => `${reason.field}: ${reason.message}`).join("; ")}`;
    case "pressroom.image.generated.v1": {
      const { width_px, height_px, size_bytes } = event.file;
      return `image ${event.index} is ready: ${width_px} x ${height_px} px, ${size_bytes} bytes, seed ${event.seed}`;
    }
    case "pressroom.image.failed.v1":
      return `image ${event.index} failed: ${event.error.message}`;
    case COMPLETED:
      return `completed: ${event.counts.generated} of ${event.counts.requested} images`;
    default:
      return type;
  }
}

/** True when the batch was completed. */
async function askAndFollow(nc, asked) {
  const js = jetstream(nc);
  check(REQUESTED, asked);
  const said = attributes(REQUESTED);
  const subject = `pressroom.event.batch.requested.${asked.batch_id}`;
  const confirmed = await js.publish(subject, JSON.stringify(asked), {
    headers: said,
    msgID: said.get("ce-id"),
    expect: { streamName: STREAM },
  });
  console.log(`batch ${asked.batch_id}: kept as event ${confirmed.seq} of ${confirmed.stream}`);
  // From the story's beginning, so nothing that happened before this line is missed.
  const story = await js.consumers.get(STREAM, { filter_subjects: `pressroom.event.*.*.${asked.batch_id}` });
  for await (const message of await story.consume()) {
    const type = message.headers.get("ce-type");
    const event = message.json();
    check(type, event);
    console.log(lineOf(type, event));
    if (ENDS.includes(type)) return type === COMPLETED;
  }
  return false;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "2" },
    provider: { type: "string", default: "studio" },
    mode: { type: "string", default: "realtime" },
    "batch-id": { type: "string", default: `batch_${randomUUID()}` },
  },
});
if (positionals.length !== 1) {
  console.error('Say what you want: node ask-for-images.mjs "a red fox" --count 2');
  process.exit(2);
}
const request = { provider: values.provider, mode: values.mode, prompt: positionals[0], count: Number(values.count) };
const nc = await connect({
  servers: process.env.PRESSROOM_NATS_URL ?? "nats://127.0.0.1:4222",
  token: process.env.PRESSROOM_NATS_TOKEN,
});
try {
  process.exitCode = (await askAndFollow(nc, { batch_id: values["batch-id"], request })) ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await nc.close();
}
