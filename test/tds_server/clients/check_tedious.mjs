// tedious: TDS written in JavaScript, the client of most Node programs.
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { Connection, Request, TYPES } from "tedious";

let count = 0;
let failed = 0;

function ok(passed, name, detail) {
  count += 1;
  if (!passed) failed += 1;
  console.log(`${passed ? "ok" : "not ok"} ${count} - ${name}`);
  if (!passed && detail !== undefined) console.log(`# ${detail}`);
}

function equal(found, expected, name) {
  const texts = [found, expected].map((value) => JSON.stringify(value));
  ok(texts[0] === texts[1], name, `found ${texts[0]}, expected ${texts[1]}`);
}

const simulator = (prefix) => ({
  port: Number(process.env[`${prefix}_PORTS`].split(",")[0]),
  ca: readFileSync(process.env[`${prefix}_CA`]),
});
const usual = simulator("SIM_USUAL");
const plain = simulator("SIM_PLAIN");
const strict = simulator("SIM_STRICT");
const wrong = simulator("SIM_WRONG");
const tds8 = simulator("SIM_TDS8");
const kinds = simulator("SIM_KINDS");

function configuration({ port, password = "vitals", ...options }) {
  return {
    server: "localhost",
    authentication: { type: "default", options: { userName: "vitals", password } },
    options: { port, encrypt: false, trustServerCertificate: true, connectTimeout: 10000, requestTimeout: 10000, ...options },
  };
}

function connect(settings) {
  const connection = new Connection(configuration(settings));
  return new Promise((resolve, reject) => {
    // A connection that ends in the middle of the talk is told here.
    connection.on("error", reject);
    connection.connect((error) => (error ? reject(error) : resolve(connection)));
  });
}

async function connectError(settings) {
  try {
    (await connect(settings)).close();
    return null;
  } catch (error) {
    return error;
  }
}

// Runs it and gathers everything that comes back. how: execSqlBatch, execSql, callProcedure.
function run(connection, how, text, parameters = []) {
  return new Promise((resolve) => {
    const result = { sets: [], messages: [], status: undefined, error: null };
    const onMessage = (message) => result.messages.push(message.message);
    const request = new Request(text, (error) => {
      connection.removeListener("infoMessage", onMessage);
      result.error = error ?? null;
      resolve(result);
    });
    connection.on("infoMessage", onMessage);
    for (const [name, type, value] of parameters) request.addParameter(name, type, value);
    request.on("columnMetadata", (columns) => result.sets.push({ names: columns.map((c) => c.colName), rows: [] }));
    request.on("row", (columns) => result.sets.at(-1).rows.push(columns.map((c) => c.value)));
    request.on("doneProc", (rowCount, more, status) => (result.status = status));
    connection[how](request);
  });
}

const allTypes = {
  c_bit: true,
  c_tinyint: 255,
  c_smallint: -32768,
  c_int: 2147483647,
  c_bigint: "-9223372036854775808",
  c_real: 1.5,
  c_float: -2.25e100,
  c_decimal: -1234567890123456.7891,
  c_money: -922337203685477.5808,
  c_date: "2026-03-02T00:00:00.000Z",
  c_time: "1970-01-01T23:59:58.987Z",
  c_datetime: "2026-03-02T10:00:00.997Z",
  c_datetime2: "2026-03-02T10:00:00.123Z",
  c_datetimeoffset: "2026-03-02T09:00:00.123Z",
  c_uniqueidentifier: "0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D",
  c_varbinary: Buffer.from([0, 1, 2, 254, 255]),
  c_char: "char      ",
  c_varchar: "varchar",
  c_nchar: "Käse      ",
  c_nvarchar: "Größe €",
  c_nvarchar_max: "as long as you like 😀",
};

// Before 7.3 the new time types come as texts.
function allTypesOf(version) {
  if (version > "7_3") return allTypes;
  return {
    ...allTypes,
    c_date: "2026-03-02",
    c_time: "23:59:58.9876543",
    c_datetime2: "2026-03-02 10:00:00.1234567",
    c_datetimeoffset: "2026-03-02 10:00:00.1234567 +01:00",
  };
}

async function checkTypes(version) {
  const connection = await connect({ ...usual, tdsVersion: version });
  const { sets } = await run(connection, "execSqlBatch", "SELECT * FROM tds_server.all_types");
  const [values, nulls] = sets[0].rows;
  Object.entries(allTypesOf(version)).forEach(([name, value], i) => equal(values[i], value, `TDS ${version}: ${name}`));
  equal(sets[0].names, Object.keys(allTypes), `TDS ${version}: names of all columns`);
  ok(nulls.every((value) => value === null), `TDS ${version}: NULL in all columns`, JSON.stringify(nulls));
  connection.close();
}

async function checkRequests() {
  const connection = await connect(plain);
  const batch = await run(connection, "execSqlBatch", "SELECT 1 AS one; SELECT N'two' AS two, N'three' AS three; SELECT 4 AS four");
  equal(batch.sets.map((set) => set.rows), [[[1]], [["two", "three"]], [[4]]], "several result sets without encryption");
  const found = await run(connection, "execSql", "SELECT c_nvarchar FROM tds_server.all_types WHERE c_int = @number AND c_nvarchar = @text", [
    ["number", TYPES.Int, 2147483647],
    ["text", TYPES.NVarChar, "Größe €"],
  ]);
  equal(found.sets[0]?.rows, [["Größe €"]], "parameters, through sp_executesql");
  const procedure = await run(connection, "callProcedure", "tds_server.sample_procedure");
  equal(procedure.sets[0]?.rows, [[1, "one"], [2, null]], "rows of a procedure");
  equal(procedure.status, 7, "its return status");
  ok(procedure.messages.includes("a message of the procedure"), "its message", procedure.messages);
  for (const [number, level] of [[229, 14], [208, 16], [1205, 13], [1222, 16], [701, 17]]) {
    const { error } = await run(connection, "execSqlBatch", `EXEC tds_server.raise ${number}`);
    equal([error?.number, error?.class], [number, level], `error ${number} has its number and level`);
  }
  const after = await run(connection, "execSqlBatch", "SELECT 5 AS five");
  equal(after.sets[0]?.rows, [[5]], "the connection goes on after errors");
  connection.close();
}

function prepare(connection, request) {
  return new Promise((resolve, reject) => {
    request.on("prepared", resolve);
    request.on("error", reject);
    connection.prepare(request);
  });
}

async function checkPrepared() {
  const connection = await connect(plain);
  const rows = [];
  let finish;
  const request = new Request("SELECT c_varchar FROM tds_server.all_types WHERE c_int = @number", () => finish?.());
  request.addParameter("number", TYPES.Int);
  request.on("row", (columns) => rows.push(columns[0].value));
  await prepare(connection, request);
  for (const number of [2147483647, 1]) {
    await new Promise((resolve) => {
      finish = resolve;
      connection.execute(request, { number });
    });
  }
  equal(rows, ["varchar"], "a prepared statement, executed twice");
  connection.close();
}

async function checkLogins() {
  const refused = await connectError({ ...usual, password: "wrong" });
  ok(/Login failed for user 'vitals'/.test(refused?.message), "a wrong password is refused", refused?.message);
  equal(refused?.code, "ELOGIN", "as a failed login");
  const tls = { encrypt: true, trustServerCertificate: false };
  const trusting = ({ port, ca }) => ({ port, ...tls, cryptoCredentialsDetails: { ca } });
  const connection = await connect(trusting(strict));
  const { sets } = await run(connection, "execSqlBatch", "SELECT 6 AS six");
  equal(sets[0]?.rows, [[6]], "TLS for the whole session, certificate checked");
  connection.close();
  ok((await connectError(trusting(wrong))) !== null, "a certificate for another name is refused");
  ok((await connectError(trusting({ port: strict.port, ca: usual.ca }))) !== null, "an unknown authority is refused");
}

async function checkPacketSizes() {
  const text = "x".repeat(40000);
  for (const packetSize of [512, 4096, 16384]) {
    const connection = await connect({ ...usual, packetSize });
    const { sets } = await run(connection, "execSql", "SELECT @text AS echo", [["text", TYPES.NVarChar, text]]);
    ok(sets[0]?.rows[0]?.[0] === text, `a text of 40,000 characters in packets of ${packetSize} bytes, both ways`);
    connection.close();
  }
}

for (const version of ["7_1", "7_2", "7_3_A", "7_3_B", "7_4"]) await checkTypes(version);
await checkRequests();
await checkPrepared();
await checkLogins();
await checkPacketSizes();
{
  const connection = await connect({
    port: tds8.port, encrypt: "strict", trustServerCertificate: false, cryptoCredentialsDetails: { ca: tds8.ca },
  });
  const result = await run(connection, "execSqlBatch", "SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID");
  equal(result.sets[0]?.rows, [["TRUE"]], "TDS 8: TLS comes first");
  connection.close();
  ok(await connectError({ port: tds8.port, encrypt: true }), "a server of TDS 8 has nothing for older clients");
}

// One line of a simulator's control port.
function control(prefix, request) {
  return new Promise((resolve, reject) => {
    const line = createConnection(Number(process.env[`${prefix}_CONTROL`]), "127.0.0.1");
    line.on("error", reject);
    line.on("data", (data) => {
      line.end();
      resolve(JSON.parse(data.toString()));
    });
    line.write(`${JSON.stringify(request)}\n`);
  });
}

(await connect({ port: kinds.port, readOnlyIntent: true })).close();
equal((await control("SIM_KINDS", { server: 0, stats: true })).read_only_intent, true, "ApplicationIntent=ReadOnly");

{
  const settings = configuration({ port: kinds.port });
  settings.authentication = { type: "ntlm", options: { domain: "CORP", userName: "vitals", password: "vitals" } };
  const connection = new Connection(settings);
  const error = await new Promise((resolve) => connection.connect((failure) => resolve(failure ?? null)));
  equal(error?.message ?? null, null, "NTLM");
  if (!error) {
    const result = await run(connection, "execSqlBatch", "SELECT SUSER_SNAME() AS name");
    equal(result.sets[0]?.rows, [["CORP\\vitals"]], "NTLM has its name");
    connection.close();
  }
}

console.log(`1..${count}`);
process.exit(failed ? 1 : 0);
