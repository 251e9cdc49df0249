// What an application does with the API, through a client that is not ours: @supabase/postgrest-js. Prints TAP.
// check_client.mjs URL TOKEN SERVER_ID: URL is that of nginx, with /api, or of PostgREST.
import { PostgrestClient } from '@supabase/postgrest-js';

const [url, token, serverId] = process.argv.slice(2);
const client = new PostgrestClient(url, { headers: { Authorization: `Bearer ${token}` } });
const nobody = new PostgrestClient(url);
let count = 0;
let failed = 0;

function check(name, passed, answer) {
    count += 1;
    if (!passed) failed += 1;
    console.log(`${passed ? 'ok' : 'not ok'} ${count} - ${name}`);
    if (!passed) console.error(`# ${JSON.stringify(answer)}`);
}
const isError = (answer, status, code) => answer.status === status && answer.data === null &&
    answer.error.code === code && answer.error.message !== '' && 'details' in answer.error && 'hint' in answer.error;

let answer = await client.from('servers').select('server_id,name').order('name').limit(10);
check('select', answer.status === 200 && answer.data.some((row) => row.server_id === serverId), answer);
answer = await client.from('servers').select('*', { count: 'exact', head: true });
check('count', answer.error === null && answer.count >= 1, answer);
answer = await client.from('servers').select().eq('server_id', serverId).single();
check('single', answer.data?.server_id === serverId && Array.isArray(answer.data.metrics_enabled), answer);
answer = await client.from('servers').select().eq('name', 'nobody').maybeSingle();
check('maybeSingle', answer.error === null && answer.data === null, answer);
answer = await client.from('fleet_status').select('server,status').in('status', ['online', 'unknown']).range(0, 0);
check('range', answer.data?.length === 1, answer);
answer = await client.from('servers').select('server_id,name').csv();
check('csv', answer.data?.startsWith('server_id,name\n'), answer);

answer = await client.rpc('collection_config_put', { config: { interval_seconds: 120 }, server_id: serverId });
check('change a configuration', answer.data?.interval_seconds === 120, answer);
answer = await client.rpc('collection_config_get', { server_id: serverId }, { get: true });
check('read it with GET', answer.data?.interval_seconds === 120 && answer.data.server_id === serverId, answer);
answer = await client.rpc('collection_config_get', { server_id: serverId });
check('read it with POST', answer.data?.interval_seconds === 120, answer);
answer = await client.rpc('collection_start', { server_id: serverId });
check('start', answer.data?.enabled === true, answer);
answer = await client.rpc('collect_now', { server_id: serverId });
check('poll', answer.data?.status === 'online' && answer.data.metrics.cpu_percent === 50, answer);
answer = await client.rpc('server_metrics', { server_id: serverId }).eq('metric', 'cpu_percent').single();
check('filter the rows of a function', answer.data?.value === 50, answer);
answer = await client.rpc('metric_history', { server_id: serverId, metric: 'cpu_percent', bucket: '5 minutes' }, { get: true });
check('history', answer.data?.length >= 12 && answer.data.some((row) => row.count > 0) && answer.data.some((row) => row.avg === null), answer);
answer = await client.rpc('chart_data', { server_id: serverId, metrics: ['cpu_percent', 'memory_percent'], points: 60 });
check('chart', answer.data?.t.length > 1 && answer.data.series.cpu_percent.length === answer.data.t.length, answer);
answer = await client.rpc('chart_data', { server_id: serverId, metrics: ['cpu_percent', 'memory_percent'] }, { get: true });
check('chart with GET', Array.isArray(answer.data?.series.memory_percent), answer);
answer = await client.rpc('collection_stop', { server_id: serverId });
check('stop', answer.data?.enabled === false, answer);
answer = await client.rpc('add_server', { config: { name: 'from js', host: 'good' } });
check('add', answer.status === 200 && answer.data.name === 'from js', answer);
const added = answer.data?.server_id;
check('add twice', isError(answer = await client.rpc('add_server', { config: { name: 'from js', host: 'good' } }), 409, '23505'), answer);
answer = await client.rpc('alter_server', { server_id: added, config: { name: 'renamed' } });
check('rename', answer.data?.name === 'renamed', answer);
answer = await client.rpc('remove_server', { server_id: added });
check('remove', answer.data?.server_id === added, answer);

check('what is gone', isError(answer = await client.rpc('server', { server_id: added }), 404, 'PT404'), answer);
check('out of range', isError(answer = await client.rpc('collection_config_put', { config: { interval_seconds: 5 }, server_id: serverId }), 400, '22023'), answer);
check('unknown function', isError(answer = await client.rpc('nothing', {}), 404, 'PGRST202'), answer);
check('no token', isError(answer = await nobody.from('servers').select(), 401, '42501'), answer);
answer = await client.from('servers').delete().eq('server_id', serverId);
check('delete', answer.status >= 400 && answer.error !== null, answer);
answer = await client.from('servers').update({ enabled: true }).eq('server_id', serverId);
check('update', answer.status >= 400 && answer.error !== null, answer);

console.log(`1..${count}`);
process.exitCode = failed === 0 ? 0 : 1;
