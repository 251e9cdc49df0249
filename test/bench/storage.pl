# What storing costs: bytes, WAL, writing, reading, tenants. Each figure stands beside the same of a literal layout, A, on
# the same values in the same run: one row per value with a uuid of its own, uuid foreign keys, numeric and timestamptz, and
# an index on (server_id, collected_at), as an ORM would make it. Prints a table; `make bench` runs it.
#
# Bytes, WAL, buffers and locks are exact. Times are medians of interleaved rounds and only serve for ratios inside one run:
# nothing is asserted of them. Nothing waits for the disk (fsync and synchronous_commit are off), which is to A's advantage,
# and A writes the values only: no state of the server, no event, no newest values.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PgVitals;
use POSIX qw(sysconf _SC_CLK_TCK);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# 50 servers have a history of a day. The others join after it, when bytes and WAL are measured: they have a last minute.
my ($with_history, $fleet, $minutes, $series) = (50, 500, 1440, 60);
# Metrics a collection of SQL Server has today, and something in between: the fewer, the more a row's frame counts.
my @other_widths = (9, 20);
my $tenants = 500;
my $cycles = 5;
my @lines;

sub line
{
    push @lines, sprintf('%-66s %12s %12s %8s   %s', @_);
    note($lines[-1]);
    return;
}

# "more" says that a higher figure is the better one.
sub compare
{
    my ($what, $ours, $theirs, $unit, $target, $more) = @_;
    my $ratio = $more ? $ours / $theirs : $theirs / $ours;
    line($what, shown($ours, $unit), shown($theirs, $unit), sprintf('%.1f x', $ratio), $target);
    return;
}

sub shown
{
    my ($value, $unit) = @_;
    return $value if $unit eq '';
    return sprintf($value >= 100 ? '%.0f %s' : $value >= 1 ? '%.1f %s' : '%.2f %s', $value, $unit);
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ]; }

sub wait_for
{
    my ($what, $limit, $code) = @_;
    my $start = time;
    until ($code->())
    {
        die "$what: not within $limit s" if time - $start > $limit;
        select undef, undef, undef, 0.1;
    }
    return;
}

sub status_kb
{
    my ($pid, $name) = @_;
    return (slurp_file("/proc/$pid/status") =~ /^$name:\s+(\d+)/m)[0];
}

# ---- tenants

# Wall and CPU time of each statement's share, in ms: the latter is of the server process alone.
sub creation
{
    my ($node, $from, $to) = @_;
    my $ticks = "SELECT 'ticks ' || (string_to_array(stat, ' '))[14]::integer + (string_to_array(stat, ' '))[15]::integer"
      . " FROM pg_read_file('/proc/self/stat') AS stat;";
    my $out = $node->safe_psql('postgres', join("\n", '\o /dev/null', "SELECT vitals.version();", '\o', $ticks, '\timing on', '\o /dev/null',
        (map { "SELECT vitals.create_tenant('t$_');" } $from .. $to), '\timing off', '\o', $ticks));
    my ($before, $after) = $out =~ /^ticks (\d+)/mg;
    return (median($out =~ /^Time: ([\d.]+) ms/mg), ($after - $before) * 1000 / sysconf(_SC_CLK_TCK) / ($to - $from + 1));
}

sub make_tenants
{
    my $node = new_cluster('tenants', conf => 'max_locks_per_transaction = 256');
    my $alone = ready_collector($node);
    creation($node, 1, 1);
    line('creating a tenant (of it CPU)', sprintf('%.0f ms (%.0f)', creation($node, 2, 21)), '', '', '<= 100 ms');
    creation($node, 22, $tenants - 20);
    line("creating a tenant where there are $tenants (of it CPU)", sprintf('%.0f ms (%.0f)', creation($node, $tenants - 19, $tenants)), '', '', '');
    return ($node, $alone);
}

sub ready_collector
{
    my ($node) = @_;
    $node->safe_psql('postgres', 'CREATE EXTENSION pg_vitals');
    wait_for('collector', 10, sub { collector_serves($node, 'postgres') });
    return status_kb(collector_pid($node, 'postgres'), 'RssAnon');
}

# Once the collector has been through the maintenance of every tenant, which it spreads over its first minute.
sub measure_idle_collector
{
    my ($node, $alone) = @_;
    my $collector = collector_pid($node, 'postgres');
    wait_for('collector sees all tenants', 30, sub { $node->safe_psql('postgres', 'SELECT coalesce(tenants, 0) FROM vitals.worker_status') == $tenants });
    my $rss = status_kb($collector, 'VmRSS') / 1024;
    my $own = status_kb($collector, 'RssAnon') / 1024;
    line("idle collector, $tenants tenants: memory of its own", sprintf('%.0f MB', $own), '', '',
         sprintf('%.0f MB without a tenant; %.0f MB with shared pages', $alone / 1024, $rss));
    $node->stop;
    return;
}

# ---- the data

sub load
{
    my ($node) = @_;
    $node->safe_psql('postgres', <<~'SQL');
        CREATE EXTENSION pg_vitals;
        CREATE SCHEMA bench;
        -- Autocorrelated: a load that the server's series share, waves of their own and noise. Every third is mostly 0.
        CREATE FUNCTION bench.value(series integer, server integer, minute integer, scale integer) RETURNS double precision
        LANGUAGE sql RETURN
            CASE WHEN series % 3 = 2 AND sin(minute / 31.0 + series + server) < 0.7 THEN 0
                 ELSE round(10 ^ (series % 4) * (1 + 0.5 * sin(minute / 229.0 + server) + 0.2 * sin(minute / 17.0 + series + server)
                                                 + 0.05 * random()) * 10 ^ scale) / 10 ^ scale END;
        -- What the collector hands to vitals.store_polls: core/poll_record.h.
        CREATE FUNCTION bench.batch(tenant text, servers int4range, at timestamptz) RETURNS text
        LANGUAGE plpgsql AS $$
        DECLARE batch text;
        BEGIN
            EXECUTE format($q$
                SELECT jsonb_build_object(
                    -- The names once, afterwards their hash alone.
                    'sets', jsonb_build_array(jsonb_build_object('hash', md5('%2$s')) ||
                        CASE WHEN EXISTS (SELECT FROM %1$I.known_sets) THEN '{}'
                             ELSE jsonb_build_object('names', (SELECT jsonb_agg(jsonb_build_array(p.name, '') ORDER BY p.position) FROM bench.%2$I AS p)) END),
                    'polls', jsonb_agg(jsonb_build_object(
                        'server_id', s.id, 'collected_at', $2, 'started_at', $2, 'next_due_at', $2 + interval '1 minute',
                        'status', 'online', 'collected', true, 'consecutive_failures', 0, 'lag_ms', 1.5,
                        'duration_ms', 12.25, 'interval_ms', 60000, 'facts', '{"version": "16.0.4085.2", "edition": "Developer"}'::jsonb,
                        'set', 0, 'vals', (SELECT array_agg(bench.value(p.position, s.port, extract(minute FROM $2)::integer, p.scale)
                                                            ORDER BY p.position) FROM bench.%2$I AS p)::text)))::text
                FROM %1$I.servers AS s WHERE s.port <@ $1$q$, 'tenant_' || tenant, tenant)
                INTO batch USING servers, at;
            RETURN batch;
        END$$;
        SQL
    load_tenant($node, 'acme', $series, $minutes - 1);
    load_tenant($node, "width$_", $_, 300) foreach @other_widths;
    # Of the same values, in the order in which they came. The keys are there before the rows, as in real life: a uuid's index
    # is two thirds full.
    $node->safe_psql('postgres', <<~'SQL');
        CREATE SCHEMA a;
        CREATE TABLE a.servers (id uuid PRIMARY KEY, name text);
        CREATE TABLE a.metric_types (id uuid PRIMARY KEY, name text);
        CREATE TABLE a.metrics (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), server_id uuid NOT NULL, metric_type_id uuid NOT NULL,
            value numeric NOT NULL, collected_at timestamptz NOT NULL);
        CREATE INDEX ix_metrics_server_time ON a.metrics (server_id, collected_at);
        INSERT INTO a.servers SELECT id, name FROM tenant_acme.servers;
        INSERT INTO a.metric_types SELECT id, name FROM tenant_acme.metric_types;
        INSERT INTO a.metrics (server_id, metric_type_id, value, collected_at)
        SELECT n.server_id, m.metric_type_id, v.value::numeric, n.collected_at
        FROM tenant_acme.server_snapshots AS n CROSS JOIN unnest(n.vals) WITH ORDINALITY AS v (value, position)
        JOIN tenant_acme.set_members AS m USING (set_key, position);
        ALTER TABLE a.metrics ADD FOREIGN KEY (server_id) REFERENCES a.servers,
                              ADD FOREIGN KEY (metric_type_id) REFERENCES a.metric_types;
        SQL
    $node->safe_psql('postgres', 'VACUUM ANALYZE');
    return;
}

# The port is the server's number.
sub load_tenant
{
    my ($node, $name, $width, $length) = @_;
    my $own = $width - 9;
    $node->safe_psql('postgres', <<~"SQL");
        SELECT vitals.create_tenant('$name');
        SET vitals.tenant = '$name';
        INSERT INTO tenant_$name.metric_types (name, unit, description, kind, scale)
        SELECT 'own_' || nr, '1', 'Of the tenant', 'gauge', nr % 3 FROM generate_series(1, $own) AS nr;
        SELECT vitals.add_server('sql' || nr, host => 'localhost', port => nr) FROM generate_series(1, $with_history) AS nr;
        CREATE TABLE bench.$name AS
        SELECT row_number() OVER (ORDER BY t.name)::integer AS position, t.name, t.scale
        FROM tenant_$name.metric_types AS t LEFT JOIN vitals.metric_catalogue AS c USING (name)
        WHERE c.name IS NULL OR 'mssql' = ANY (c.connectors);
        SELECT stored FROM vitals.store_polls('tenant_$name', bench.batch('$name', '[1,$with_history]', date_trunc('minute', now()))::jsonb);
        SELECT vitals.ensure_partition('tenant_$name', now() - interval '1 day');
        INSERT INTO tenant_$name.server_snapshots
            (server_id, collected_at, set_key, interval_ms, duration_ms, connection_count, status, cpu_percent, memory_percent, vals)
        SELECT s.id, date_trunc('minute', now()) - ($length + 1 - minute) * interval '1 minute' + 6 * random() * interval '1 second', 1, 60000, 12,
               v.vals[c.connections], 'online', v.vals[c.cpu]::numeric, v.vals[c.memory]::numeric, v.vals
        FROM generate_series(1, $length) AS minute
        CROSS JOIN tenant_$name.servers AS s
        CROSS JOIN (SELECT max(position) FILTER (WHERE name = 'cpu_percent') AS cpu,
                           max(position) FILTER (WHERE name = 'memory_percent') AS memory,
                           max(position) FILTER (WHERE name = 'connection_count') AS connections FROM bench.$name) AS c
        CROSS JOIN LATERAL (SELECT array_agg(bench.value(p.position, s.port, minute, p.scale) ORDER BY p.position) AS vals
                            FROM bench.$name AS p) AS v
        ORDER BY minute, s.port;
        SQL
    return;
}

sub let_others_join
{
    my ($node) = @_;
    my $first = $with_history + 1;
    $node->safe_psql('postgres', <<~"SQL");
        SET vitals.tenant = 'acme';
        SELECT vitals.add_server('sql' || nr, host => 'localhost', port => nr) FROM generate_series($first, $fleet) AS nr;
        SELECT stored FROM vitals.store_polls('tenant_acme', bench.batch('acme', '[$first,$fleet]', now())::jsonb);
        INSERT INTO a.servers SELECT id, name FROM tenant_acme.servers ON CONFLICT DO NOTHING;
        INSERT INTO a.metrics (server_id, metric_type_id, value, collected_at)
        SELECT server_id, metric_type_id, value, collected_at FROM tenant_acme.metrics
        WHERE server_id IN (SELECT id FROM tenant_acme.servers WHERE port >= $first);
        VACUUM ANALYZE;
        SQL
    return;
}

sub measure_bytes
{
    my ($node) = @_;
    my $of_tenant = sub {
        my ($name, $width) = @_;
        return $node->safe_psql('postgres', "SELECT sum(pg_total_relation_size(partition))::float8 /
            (SELECT sum(cardinality(vals)) FROM tenant_$name.server_snapshots) FROM vitals.partitions_of('tenant_$name')");
    };
    my $theirs = $node->safe_psql('postgres', "SELECT pg_total_relation_size('a.metrics')::float8 / count(*) FROM a.metrics");
    compare("bytes per value, $series per collection", $of_tenant->('acme'), $theirs, 'B', '>= 12 x, <= 12 B');
    compare("bytes per value, $_ per collection", $of_tenant->("width$_"), $theirs, 'B', '') foreach reverse @other_widths;
    return;
}

# ---- writing

# Batches as the collector makes them, as text, made before what is measured. Returns the statements, one transaction each.
sub make_batches
{
    my ($node, $name, $at_once, $servers, $rounds, $tenant) = @_;
    $tenant //= 'acme';
    my $count = int($servers / $at_once);
    $node->safe_psql('postgres', <<~"SQL");
        CREATE TABLE bench.$name AS
        SELECT row_number() OVER () AS nr, bench.batch('$tenant', int4range(1 + part * $at_once, 1 + (part + 1) * $at_once),
                                                       clock_timestamp() + (round * $count + part) * interval '1 millisecond') AS batch
        FROM generate_series(0, $rounds - 1) AS round, generate_series(0, $count - 1) AS part ORDER BY round, part;
        ALTER TABLE bench.$name ADD PRIMARY KEY (nr);
        GRANT USAGE ON SCHEMA bench TO tenant_$tenant;
        GRANT SELECT ON bench.$name TO tenant_$tenant;
        SQL
    return map { "SELECT stored FROM vitals.store_polls('tenant_$tenant', (SELECT batch FROM bench.$name WHERE nr = $_)::jsonb);" }
      1 .. $count * $rounds;
}

sub as_tenant { my ($tenant, @statements) = @_; return join("\n", "SET ROLE tenant_$tenant;", @statements); }

# One statement per collection of a server.
sub statements_of_a
{
    my ($node) = @_;
    return split /\n/, $node->safe_psql('postgres', <<~"SQL");
        SELECT format('INSERT INTO a.metrics (server_id, metric_type_id, value, collected_at) VALUES %s;',
                      string_agg(format('(%L, %L, %s, clock_timestamp())', s.id, t.id, bench.value(p.position, s.port, 7, p.scale)), ', '))
        FROM tenant_acme.servers AS s CROSS JOIN bench.acme AS p JOIN tenant_acme.metric_types AS t ON t.name = p.name
        WHERE s.port <= $with_history GROUP BY s.port ORDER BY s.port
        SQL
}

sub wal_of
{
    my ($node, $compression, @statements) = @_;
    $node->safe_psql('postgres', 'CHECKPOINT');
    my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
    $node->safe_psql('postgres', join("\n", "SET wal_compression = $compression;", @statements));
    return $node->safe_psql('postgres', "SELECT pg_current_wal_insert_lsn() - '$before'") / ($cycles * $with_history * $series);
}

# As in a steady state: a checkpoint every five minutes, and after it the first change of each page is logged as a whole.
sub measure_wal
{
    my ($node) = @_;
    my @theirs = (statements_of_a($node)) x $cycles;
    foreach my $compression ('off', 'lz4')
    {
        # With an interval of a minute 50 servers are one in every second or so.
        my @ours = make_batches($node, "spread_$compression", 1, $with_history, $cycles);
        compare("WAL per value, $cycles cycles after a checkpoint, wal_compression $compression",
                wal_of($node, $compression, as_tenant('acme', @ours)), wal_of($node, $compression, @theirs), 'B', '>= 100 x');
    }
    return;
}

sub pgbench_values_per_second
{
    my ($node, $transactions, @files) = @_;
    my ($out, $err) = run_command([ 'pgbench', '--no-vacuum', '-M', 'prepared', '-h', $node->host, '-p', $node->port, '-t', $transactions,
                                    (map { ('-f', $_) } @files), 'postgres' ]);
    my ($tps) = $out =~ /^tps = ([\d.]+)/m or die "pgbench: $err";
    return $tps * $series;
}

# An ORM: prepared statements, one per value, and a transaction per collection.
sub scripts_of_a
{
    my ($node) = @_;
    my (@single, @multi);
    foreach my $statement ((statements_of_a($node))[ 0 .. 9 ])
    {
        my ($head, $rows) = $statement =~ /(.* VALUES )(.*);/;
        my $file = PostgreSQL::Test::Utils::tempdir() . '/' . scalar(@multi);
        append_to_file("$file.single", join("\n", 'BEGIN;', (map { "$head$_;" } split /, (?=\()/, $rows), 'COMMIT;') . "\n");
        append_to_file("$file.multi", "$statement\n");
        push @single, "$file.single";
        push @multi, "$file.multi";
    }
    return (\@single, \@multi);
}

sub measure_ingest
{
    my ($node) = @_;
    my ($single, $multi) = scripts_of_a($node);
    my (@single, @multi, %ours);
    foreach my $round (1 .. 3)
    {
        push @single, pgbench_values_per_second($node, 200, @$single);
        push @multi, pgbench_values_per_second($node, 200, @$multi);
        foreach my $size (500, 50, 1)
        {
            my @statements = make_batches($node, "ingest${size}_$round", $size, $size == 1 ? 100 : $fleet, $size == 1 ? 1 : 4);
            my $start = time;
            $node->safe_psql('postgres', as_tenant('acme', @statements));
            push @{ $ours{$size} }, $size * @statements * $series / (time - $start);
        }
    }
    my ($of_single, $of_multi) = (median(@single), median(@multi));
    compare('values/s, batches of 500 | A: prepared single INSERTs', median(@{ $ours{500} }), $of_single, '/s', '>= 20 x', 1);
    compare('values/s, batches of 500 | A: one INSERT a collection', median(@{ $ours{500} }), $of_multi, '/s', '', 1);
    compare('values/s, batches of 50  | A: prepared single INSERTs', median(@{ $ours{50} }), $of_single, '/s', '', 1);
    compare('values/s, batches of 1   | A: prepared single INSERTs', median(@{ $ours{1} }), $of_single, '/s', '', 1);
    return;
}

sub measure_locks
{
    my ($node) = @_;
    my ($theirs) = statements_of_a($node);
    my ($ours) = make_batches($node, 'one', 50, $with_history, 1);
    my $locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS DISTINCT FROM 'pg_locks'::regclass";
    my $count = sub { my ($sql) = @_; return (split /\n/, $node->safe_psql('postgres', "BEGIN;\n$sql\n$locks;\nCOMMIT;"))[-1]; };
    line('locks per write transaction', $count->("SET ROLE tenant_acme; $ours"), $count->($theirs), '', '');
    return;
}

# ---- reading

# Milliseconds to plan and execute, without sending the rows, and buffers touched: of each statement in turn, in one session.
# What is given as a reference is executed as it is.
sub explained
{
    my ($node, @statements) = @_;
    my $out = $node->safe_psql('postgres', join("\n", map { ref $_ ? $$_ : "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) $_;" } @statements));
    return map { my $plan = decode_json("[$_]")->[0];
                 [ $plan->{'Planning Time'} + $plan->{'Execution Time'}, $plan->{Plan}{'Shared Hit Blocks'} + $plan->{Plan}{'Shared Read Blocks'} ] }
      $out =~ /^\[(.*?)^\]/msg;
}

sub compare_queries
{
    my ($node, $what, $target, $rounds, $ours, $theirs) = @_;
    my $choose = sub { \"SET search_path TO $_[0], public;" };
    my @runs = explained($node, \"SET vitals.tenant = 'acme';", ($choose->('tenant_acme'), $ours, $choose->('a'), $theirs) x ($rounds + 1));
    # The first round fills the session's caches.
    my @of_ours = @runs[ map { 2 * $_ } 1 .. $rounds ];
    my @of_theirs = @runs[ map { 2 * $_ + 1 } 1 .. $rounds ];
    compare($what, median(map { $_->[0] } @of_ours), median(map { $_->[0] } @of_theirs), 'ms', $target);
    compare('  buffers', $of_ours[-1][1], $of_theirs[-1][1], '', '');
    return;
}

sub measure_reading
{
    my ($node) = @_;
    my $server = "(SELECT id FROM servers WHERE name = 'sql7')";
    my $type = sub { "(SELECT id FROM metric_types WHERE name = '$_[0]')" };
    my $range = 'SELECT collected_at, value FROM metrics WHERE server_id = ' . $server . ' AND metric_type_id = ' . $type->('batch_requests_sec')
      . " AND collected_at >= now() - interval '24 hours' ORDER BY collected_at";
    my $hour = "SELECT metric_type_id, collected_at, value FROM metrics WHERE server_id = $server AND collected_at >= now() - interval '1 hour'";
    my $average = "SELECT date_trunc('hour', collected_at), avg(value) FROM metrics WHERE metric_type_id = " . $type->('cpu_percent')
      . " AND collected_at >= now() - interval '24 hours' GROUP BY 1";
    my $latest = "SELECT s.name, t.name, l.value FROM servers AS s CROSS JOIN metric_types AS t CROSS JOIN LATERAL
            (SELECT m.value FROM metrics AS m WHERE m.server_id = s.id AND m.metric_type_id = t.id ORDER BY m.collected_at DESC LIMIT 1) AS l
        WHERE t.name IN ('cpu_percent', 'memory_percent', 'connection_count')";
    $latest =~ s/\s+/ /g;
    compare_queries($node, "latest of all $fleet servers: fleet_status", '>= 4 x', 15, 'SELECT * FROM vitals.fleet_status', $latest);
    compare_queries($node, 'one metric of one server, 24 h', '>= 8 x', 15, $range, $range);
    compare_queries($node, "one server, $series metrics, 1 h", '>= 1 x', 15, $hour, $hour);
    my $objects = "SELECT collected_at, metrics FROM metric_snapshots WHERE server_id = $server AND collected_at >= now() - interval '1 hour'";
    compare_queries($node, '  the same as JSON: metric_snapshots', '', 15, $objects, $hour);
    compare_queries($node, 'average of the fleet by hour, 24 h', '>= 4 x', 5, $average, $average);
    return;
}

line('', 'pg_vitals', 'layout A', 'ratio', 'target');
my ($many, $alone) = make_tenants();
my $made = time;
my $node = new_cluster('storage', conf => <<~'CONF');
    shared_buffers = 1GB
    max_wal_size = 20GB
    checkpoint_timeout = 1h
    synchronous_commit = off
    autovacuum = off
    CONF
load($node);
wait_for('maintenance of all tenants', 90, sub { time - $made > 65 });
measure_idle_collector($many, $alone);

measure_bytes($node);
measure_wal($node);
let_others_join($node);
measure_reading($node);
measure_locks($node);
measure_ingest($node);
$node->stop('immediate');
pass('measured');
done_testing();
print STDERR "\n", sprintf("%d values of %d servers in a day, %d metrics each\n", $with_history * $minutes * $series, $with_history, $series),
  map { "$_\n" } @lines;
