// An SMSC for the tests: node smsc.mjs SYSTEM_ID PASSWORD [PORT]. The protocol is the package `smpp`; nothing of Lull is in it.
//
// It tells what happens on standard output and is told what to do on standard input, one JSON object a line each:
//   told   {"listening": PORT}  {"bound": SYSTEM_ID, "version": 52}  {"refused": SYSTEM_ID}
//          {"submitted": {id, from, to, text, coding, esm, header, ton}}  {"answered": {n, status}}  {"over": true}
//   asked  {"deliver": {n, from, to, text, coding?, udh?, ton?, esm?}}   a message of a customer, or a receipt
//          {"receipts": "DELIVRD" | null}   what is told of each message that is taken from now on
//          {"answer": {"status": NUMBER, "times": N}}   how the next messages are answered; 88 asks for fewer
//          {"silent": N}   the next N messages are taken and not answered
//          {"early": true}   receipts are told before the message is answered
//          {"hang_up": true}   ends every connection
//          {"quiet": true}   what is submitted is counted from now on and not told, for measurements
//          {"stops": TEXT}   whoever is sent a first message answers this at once; TEXT in GSM characters
//          {"sum": true}   told: {"sum": {count, numbers, twice, first, last, stopped, late, over}}: messages and numbers,
//                          numbers with more than one but for confirmations, when the first and the last came in ms, who
//                          answered, the longest time in ms from such an answer to a later message, how many came after 2 s
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const smpp = createRequire(import.meta.url)("smpp");
const [systemId, password, port] = process.argv.slice(2);
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const sessions = new Set();
let [receipts, status, times, silent, early, count] = [null, 0, 0, 0, false, 0];
let [quiet, stops, first, last] = [false, null, null, null];
const sums = new Map();
const CONFIRMS = "已退订";

/** Counts a message that is not told. */
function counted(session, from, to, text) {
  const now = performance.now();
  first ??= now;
  last = now;
  const known = sums.get(to) ?? { messages: 0, stopped: null, late: 0 };
  sums.set(to, known);
  if (text.startsWith(CONFIRMS)) return;
  known.messages += 1;
  if (known.stopped !== null) known.late = Math.max(known.late, now - known.stopped);
  if (stops !== null && known.stopped === null) {
    known.stopped = now;
    session.deliver_sm({ source_addr: to, destination_addr: from, source_addr_ton: 1, short_message: stops });
  }
}

function sum() {
  const all = [...sums.values()];
  const late = all.map((one) => one.late);
  return {
    count,
    numbers: all.length,
    twice: all.filter((one) => one.messages > 1).length,
    first,
    last,
    stopped: all.filter((one) => one.stopped !== null).length,
    late: Math.max(0, ...late),
    over: late.filter((ms) => ms > 2000).length,
  };
}

/** What a part says, and the header that ties it to others, as octets in hexadecimal digits. */
function said(pdu) {
  const { message, udh } = pdu.short_message;
  const header = udh ? Buffer.concat(udh.map((part) => Buffer.from(part))).toString("hex") : null;
  return { text: Buffer.isBuffer(message) ? message.toString("hex") : message, header };
}

const server = smpp.createServer((session) => {
  sessions.add(session);
  session.on("error", () => {});
  session.on("close", () => {
    sessions.delete(session);
    tell({ over: true });
  });
  session.on("bind_transceiver", (pdu) => {
    if (pdu.system_id !== systemId || pdu.password !== password) {
      tell({ refused: pdu.system_id });
      session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }));
      return;
    }
    session.bound = true;
    session.send(pdu.response({ system_id: "smsc" }));
    tell({ bound: pdu.system_id, version: pdu.interface_version });
  });
  session.on("submit_sm", (pdu) => {
    if (times > 0) {
      times -= 1;
      session.send(pdu.response({ command_status: status }));
      return;
    }
    count += 1;
    const id = `m${count}`;
    const { source_addr: from, destination_addr: to, data_coding: coding, esm_class: esm, source_addr_ton: ton } = pdu;
    if (quiet) counted(session, from, to, said(pdu).text);
    else tell({ submitted: { id, from, to, coding, esm, ton, receipt: pdu.registered_delivery, ...said(pdu) } });
    if (silent > 0) {
      silent -= 1;
      return;
    }
    const receipt = () => {
      if (receipts) {
        const text = `id:${id} sub:001 dlvrd:001 submit date:2611301200 done date:2611301201 stat:${receipts} err:000 text:`;
        session.deliver_sm({ source_addr: to, destination_addr: from, esm_class: 4, short_message: text });
      }
    };
    if (early) receipt();
    const answer = () => {
      session.send(pdu.response({ message_id: id }));
      if (!early) receipt();
    };
    if (early) setTimeout(answer, 300);
    else answer();
  });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
});

function deliver({ n, from, to, text, coding, udh, ton, esm }) {
  const session = [...sessions].find((one) => one.bound);
  if (!session) {
    tell({ answered: { n, status: -1 } });
    return;
  }
  const message = coding === undefined ? { message: text } : { message: Buffer.from(text, "hex") };
  const pdu = { source_addr: from, destination_addr: to, source_addr_ton: ton ?? 1, esm_class: esm ?? 0 };
  if (coding !== undefined) pdu.data_coding = coding;
  pdu.short_message = udh ? { ...message, udh: Buffer.from(udh, "hex") } : coding === undefined ? text : message;
  session.deliver_sm(pdu, (answer) => tell({ answered: { n, status: answer.command_status } }));
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const asked = JSON.parse(line);
    if (asked.deliver) deliver(asked.deliver);
    if ("receipts" in asked) receipts = asked.receipts;
    if (asked.answer) ({ status, times } = asked.answer);
    if (asked.silent) silent = asked.silent;
    if ("early" in asked) early = asked.early;
    if (asked.quiet) quiet = true;
    if (asked.stops) stops = asked.stops;
    if (asked.sum) tell({ sum: sum() });
    if (asked.hang_up) for (const session of sessions) session.destroy();
  })
  .on("close", () => process.exit(0));

server.listen(Number(port ?? 0), "127.0.0.1", () => tell({ listening: server.address().port }));
