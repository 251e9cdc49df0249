# Shared by the benchmarks: a server with a tenant whose servers, all simulated, are polled, and what that costs and gives.
package Fleet;

use strict;
use warnings;

use Bench;
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SimulatedServers;
use Time::HiRes qw(time);

# Servers that are made and whose collection is off. Options: name, servers, latency_ms => 20, concurrency => 50,
# interval => 60, metrics => '{*}', conf => more lines for postgresql.conf, simulator => options of the simulator, or one that
# runs.
sub new
{
    my ($class, %option) = @_;
    my $self = bless { latency_ms => 20, concurrency => 50, interval => 60, metrics => '{*}', conf => '', simulator => {}, %option }, $class;
    raise_descriptor_limit(3 * $self->{servers} + 500);
    $self->{simulated} = ref $self->{simulator} eq 'HASH'
      ? SimulatedServers->new(servers => $self->{servers}, replay => 'live', latency_ms => $self->{latency_ms}, %{ $self->{simulator} })
      : $self->{simulator};
    $self->{node} = new_cluster($self->{name}, conf => <<~"CONF");
        vitals.concurrency = $self->{concurrency}
        vitals.allowed_targets = 'all'
        vitals.ca_directory = '@{[ $self->{simulated}->ca_directory ]}'
        vitals.prober_memory_limit = '4GB'
        shared_buffers = '256MB'
        max_wal_size = '4GB'
        $self->{conf}
        CONF
    $self->add_servers;
    return $self;
}

sub add_servers
{
    my ($self) = @_;
    my @ports = @{ $self->{simulated}{ports} }[ 0 .. $self->{servers} - 1 ];
    my $ports = join(',', @ports);
    my $ca = $self->{simulated}->ca;
    my $metrics = "'$self->{metrics}'";
    # Groups that are left out, to tell what they cost.
    $metrics = "(SELECT array_agg(name) FROM vitals.metric_group_definitions() WHERE connector = 'mssql' AND name <> ALL ('{$ENV{BENCH_WITHOUT}}'))"
      if ($ENV{BENCH_WITHOUT} // '') =~ /^[a-z_,]+$/;
    # The least interval is for the sake of the servers that are polled, and these are simulated.
    $self->{node}->safe_psql('postgres', <<~"SQL");
        CREATE EXTENSION pg_vitals;
        SELECT vitals.create_tenant('acme');
        SELECT vitals.add_server('sql' || nr, host => 'localhost', port => port, username => 'vitals', password => 'vitals',
            metrics => $metrics, options => '{"ca_file": "$ca"}')
        FROM unnest('{$ports}'::integer[]) WITH ORDINALITY AS p (port, nr);
        ALTER TABLE tenant_acme.collection_config DROP CONSTRAINT collection_config_interval_seconds_check;
        UPDATE tenant_acme.collection_config SET interval_seconds = $self->{interval};
        CREATE SCHEMA bench;
        CREATE TABLE bench.lags (server_id uuid, started_at timestamptz, lag_ms double precision, status text, PRIMARY KEY (server_id, started_at));
        SQL
    return;
}

sub node { my ($self) = @_; return $self->{node}; }
sub simulated { my ($self) = @_; return $self->{simulated}; }
sub sql { my ($self, $statement) = @_; return $self->{node}->safe_psql('postgres', $statement); }

# Starts the collection and returns when every server was polled; returns the seconds that it took.
sub start
{
    my ($self, $limit) = @_;
    $self->sql('UPDATE tenant_acme.collection_config SET enabled = true; SELECT vitals.notify_collector()');
    my $took = wait_for('first round', $limit // 120, sub { $self->polls >= $self->{servers} });
    $self->{prober} = prober_pid($self->{node}, 'postgres', 'acme');
    $self->{collector} = collector_pid($self->{node}, 'postgres');
    return $took;
}

# From now on: another interval in seconds, and what is collected, as JSON.
sub change_collection
{
    my ($self, $interval, $metrics) = @_;
    return $self->sql("UPDATE tenant_acme.collection_config SET interval_seconds = $interval, metrics_enabled = '$metrics'; SELECT vitals.notify_collector()");
}

sub pause
{
    my ($self) = @_;
    $self->sql('UPDATE tenant_acme.collection_config SET enabled = false; SELECT vitals.notify_collector()');
    wait_for('end of the collection', 30, sub { $self->sql('SELECT targets = 0 AND in_flight = 0 FROM vitals.worker_status') eq 't' });
    return;
}

sub polls { my ($self) = @_; return $self->sql('SELECT polls FROM vitals.worker_status'); }
sub stored { my ($self) = @_; return $self->sql('SELECT samples_stored FROM vitals.worker_status'); }
sub now { my ($self) = @_; return $self->sql('SELECT clock_timestamp()'); }

# Polls that ended between two moments and left their row: not the rows of cycles that were skipped.
sub polls_stored
{
    my ($self, $from, $to) = @_;
    return $self->sql("SELECT count(*) FROM tenant_acme.server_snapshots WHERE duration_ms IS NOT NULL AND collected_at >= '$from' AND collected_at < '$to'");
}
sub prober { my ($self) = @_; return $self->{prober}; }
sub collector { my ($self) = @_; return $self->{collector}; }

# Process of the simulator.
sub simulator_pid { my ($self) = @_; return $self->{simulated}{process}{KIDS}[0]{PID}; }

# CPU in ms so far: prober, collector, the rest of PostgreSQL with what has ended, the simulator; and when that was.
sub usage
{
    my ($self) = @_;
    my ($postmaster) = slurp_file($self->{node}->data_dir . '/postmaster.pid') =~ /^(\d+)$/m;
    my %own = map { $_ => 1 } grep { defined } $self->{prober}, $self->{collector};
    my $server = reaped_cpu_ms($postmaster) + cpu_ms($postmaster);
    $server += cpu_ms($_) foreach grep { !$own{$_} } descendants($postmaster);
    return {
        time => time,
        server => $server,
        simulator => cpu_ms($self->simulator_pid),
        map { $_ => defined $self->{$_} ? cpu_ms($self->{$_}) : 0 } qw(prober collector)
    };
}

# What was used between two moments, each as a share of one core, and the seconds between them.
sub shares
{
    my ($before, $after) = @_;
    my $seconds = $after->{time} - $before->{time};
    return { seconds => $seconds, map { $_ => ($after->{$_} - $before->{$_}) / 1000 / $seconds } qw(prober collector server simulator) };
}

# How late polls started that were not looked at yet; to be called at least once an interval.
sub note_lags
{
    my ($self) = @_;
    $self->sql('INSERT INTO bench.lags SELECT server_id, last_started_at, lag_ms, status FROM tenant_acme.collection_state ON CONFLICT DO NOTHING');
    return;
}

# Statistics of the simulator, of all servers together.
sub traffic
{
    my ($self) = @_;
    my %sum;
    foreach my $stats (@{ $self->{simulated}->control('all', stats => JSON::PP::true)->{stats} })
    {
        $sum{$_} += $stats->{$_} foreach qw(connects logins batches bytes_sent bytes_received open_connections);
    }
    return \%sum;
}

# Definitions of the metric groups that are built in, as the prober gets them.
sub definitions
{
    my ($self) = @_;
    my $json = $self->sql('SELECT json_agg(definition::json) FROM vitals.metric_group_definitions() WHERE connector = \'mssql\'');
    my %without = map { $_ => 1 } split /,/, $ENV{BENCH_WITHOUT} // '';
    return [ grep { !$without{ $_->{name} } } @{ decode_json($json) } ];
}

sub stop
{
    my ($self) = @_;
    $self->{node}->stop('immediate');
    $self->{simulated}->stop if ref $self->{simulator} eq 'HASH';
    return;
}

1;
