# What others make of the API: @supabase/postgrest-js, Prometheus' own check of what /metrics serves, and whoever reads the
# OpenAPI document. The prober is rogue_prober.pl, which gives honest answers to hosts without a deed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

Rest::require_programs();

my $node = new_cluster('rest_clients', install_path => server_tree_with_prober("$FindBin::RealBin/../perl/rogue_prober.pl"));
ready_database($node, 'app');
sub sql { return $node->safe_psql('app', $_[0]); }
sql("SELECT vitals.create_tenant('acme'); SELECT vitals.create_tenant('globex')");
# Of what Prometheus' format has to quote, and what it must not take for its own.
my $odd = qq(a "name" \\ with\n# TYPE x gauge);
my $id = sql("SET vitals.tenant = 'acme'; SELECT vitals.add_server('sql01', host => 'good')");
sql("SET vitals.tenant = 'acme'; SELECT vitals.add_server('$_', host => 'good')") foreach 'sql02', 'größe {1}, "a" \\ b';
sql(qq(INSERT INTO tenant_acme.metric_types (name, unit, description, kind) VALUES
    ('odd_things', '1', E'has \\\\ a backslash\\nand a second line', 'gauge'), ('things', '%', '', 'gauge'), ('things_ratio', '1', 'as that one', 'gauge')));
sql("SET vitals.tenant = 'globex'; SELECT vitals.add_server('foreign', host => 'good')");
my $rest = Rest->new($node, 'app');
my $token = Rest::token({ role => 'tenant_acme' });

# -- the client
SKIP:
{
    my $script = "$FindBin::RealBin/../rest/check_client.mjs";
    skip 'no node, or no @supabase/postgrest-js', 1 unless -d "$FindBin::RealBin/../rest/node_modules/\@supabase" && grep { -x "$_/node" } split /:/, $ENV{PATH};
    foreach my $case ([ 'nginx', $rest->url . '/api' ], [ 'PostgREST', $rest->postgrest_url ])
    {
        my ($what, $url) = @{$case};
        my ($out, $err) = ('', '');
        my $passed = IPC::Run::run([ 'node', $script, $url, $token, $id ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
        foreach my $line (split /\n/, $out)
        {
            ok($1 eq 'ok', "postgrest-js, $what: $2") if $line =~ /^(ok|not ok) \d+ - (.*)$/;
        }
        ok($passed && $out =~ /^1\.\.[1-9]/m, "postgrest-js, $what: ran to its end") or diag($out, $err);
    }
}

# -- Prometheus
foreach my $server ($id, split /\n/, sql("SELECT id FROM tenant_acme.servers WHERE id <> '$id'"))
{
    foreach my $request ([ collection_start => {} ], [ collection_config_put => { config => { metrics_enabled => ['*'] } } ], [ collect_now => {} ])
    {
        my $answer = $rest->request('POST', "/api/rpc/$request->[0]", token => $token, body => { server_id => $server, %{ $request->[1] } });
        is($answer->{status}, 200, $request->[0]) or diag($answer->{body});
    }
}
sql("INSERT INTO tenant_acme.metrics (server_id, metric_type_id, instance, value, collected_at)
    SELECT s.id, t.id, i.instance, 12.5, now() FROM tenant_acme.servers AS s, tenant_acme.metric_types AS t, (VALUES (E'C:\\\\ \"x\"\\n y'), ('')) AS i (instance)
    WHERE t.name IN ('odd_things', 'things', 'things_ratio')");
my $prometheus = 'text/plain;version=0.0.4;q=1,*/*;q=0.1';
my $answer = $rest->request('GET', '/metrics', token => $token,
    headers => { Accept => "application/openmetrics-text;version=1.0.0;q=0.8,$prometheus" });
is($answer->{status}, 200, 'metrics are served to what Prometheus accepts');
is($answer->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'as its text format');
like($answer->{body}, qr/^vitals_cpu_ratio\{[^}]*server="sql01"[^}]*\} 0\.5$/m, 'with the values');
like($answer->{body}, qr/^vitals_server_up\{[^}]*server="sql01"[^}]*\} 1$/m, 'and whether each server is up');
unlike($answer->{body}, qr/foreign|globex/, 'of this tenant alone');
like($rest->request('GET', '/metrics', token => Rest::token({ role => 'tenant_globex' }))->{body}, qr/server="foreign"/, 'each its own');
is($rest->request('GET', '/metrics', token => $token, headers => { Accept => $_ })->{status}, 200, "also to who accepts $_")
  foreach '*/*', 'text/plain', 'text/html', 'application/json';

# What is not a comment is a name, labels and a number; a family has one HELP and TYPE and is in one piece.
my (%type, %seen, $family, @wrong);
foreach my $line (split /\n/, $answer->{body})
{
    if ($line =~ /^# (HELP|TYPE) (\S+) ?(.*)$/)
    {
        push @wrong, "again: $line" if $seen{"$1 $2"}++;
        $family = $2;
        $type{$2} = $3 if $1 eq 'TYPE';
    }
    elsif ($line =~ /^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (-?[0-9.]+(?:e[+-]?\d+)?)$/)
    {
        push @wrong, "out of its family: $line" unless defined $family && $family eq $1;
        push @wrong, "twice: $line" if $seen{"$1 $2"}++;
    }
    else { push @wrong, "not understood: $line"; }
}
is(join("\n", @wrong), '', 'every line is one of the format');
cmp_ok(scalar(keys %type), '>=', 9, 'there are families');
SKIP:
{
    skip 'no promtool', 2 unless $ENV{PROMTOOL} && -x $ENV{PROMTOOL};
    my ($out, $err) = ('', '');
    my $passed = IPC::Run::run([ $ENV{PROMTOOL}, 'check', 'metrics' ], '<', \$answer->{body}, '>', \$out, '2>', \$err, IPC::Run::timeout(30));
    ok($passed, 'promtool finds nothing in the metrics') or diag($out, $err);
    my $bad = "# TYPE x gauge\nx{a=\"b\" 1\n";
    ok(!IPC::Run::run([ $ENV{PROMTOOL}, 'check', 'metrics' ], '<', \$bad, '>', \$out, '2>', \$err, IPC::Run::timeout(30)), 'and it would');
}

# -- the OpenAPI document: complete, of its form, and of this schema alone
$answer = $rest->request('GET', '/api/', token => $token);
like($answer->{headers}{'content-type'}, qr{^application/openapi\+json}, 'there is a document');
my $document = $answer->{json};
is($document->{swagger}, '2.0', 'of Swagger 2.0');
is($document->{info}{title}, 'pg_vitals', 'with a title');
cmp_ok(length $document->{info}{description}, '>', 100, 'and an introduction');
is("http://$document->{host}$document->{basePath}", $rest->url . '/api', 'for the address of nginx');
is(join(' ', sort keys %{ $document->{paths} }), join(' ', sort '/', split /\n/, sql(<<'SQL')), 'lists what the schema has, and nothing else');
SELECT '/' || c.relname FROM pg_class AS c WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v'
UNION ALL SELECT DISTINCT '/rpc/' || p.proname FROM pg_proc AS p WHERE p.pronamespace = 'vitals_api'::regnamespace
SQL
unlike($answer->{body}, qr/tenant_acme|tenant_globex|globex|vitals\.(?!schema)[a-z_]+_in\b/, 'names no tenant and no schema of one');

my @undescribed;
foreach my $path (sort keys %{ $document->{paths} })
{
    next if $path eq '/';
    foreach my $method (sort keys %{ $document->{paths}{$path} })
    {
        my $operation = $document->{paths}{$path}{$method};
        push @undescribed, "$method $path has no summary" unless length($operation->{summary} // '') > 3;
        push @undescribed, "$method $path has no description" unless length($operation->{description} // '') > 20;
        push @undescribed, "$method $path has no answer" unless %{ $operation->{responses} // {} };
        push @undescribed, "$method $path writes to a view" if $path !~ m{^/rpc/} && $method ne 'get';
        foreach my $parameter (@{ $operation->{parameters} // [] })
        {
            next if defined $parameter->{'$ref'};
            push @undescribed, "$method $path: parameter without name or place" unless defined $parameter->{name} && ($parameter->{in} // '') =~ /^(?:query|body|header|path)$/;
            push @undescribed, "$method $path: parameter of no type" unless defined $parameter->{type} || ref $parameter->{schema};
            my @arguments = $parameter->{in} eq 'body' ? sort keys %{ $parameter->{schema}{properties} // {} } : $parameter->{name};
            # PostgREST has no place for a text of an argument: it is in that of the function, "name: text" or "name, name: text".
            push @undescribed, map { "$method $path: argument $_ is not described" } grep { $operation->{description} !~ /\b\Q$_\E(?:, \w+)*: \w/ } @arguments;
        }
    }
}
foreach my $view (sort keys %{ $document->{definitions} })
{
    my $properties = $document->{definitions}{$view}{properties};
    push @undescribed, map { "column $view.$_ is not described" } grep { length($properties->{$_}{description} // '') < 10 } sort keys %{$properties};
    push @undescribed, "view $view is not described" unless length($document->{definitions}{$view}{description} // '') > 20;
}
is(join("\n", @undescribed), '', 'every path, argument and column is described');

# References lead somewhere.
my @dangling;
my $follow;
$follow = sub {
    my ($value) = @_;
    if (ref $value eq 'ARRAY') { $follow->($_) foreach @{$value}; }
    return unless ref $value eq 'HASH';
    if (defined(my $reference = $value->{'$ref'}))
    {
        my $target = $document;
        $target = ref $target eq 'HASH' ? $target->{$_} : undef foreach split m{/}, $reference =~ s{^#/}{}r;
        push @dangling, $reference unless defined $target;
    }
    $follow->($_) foreach values %{$value};
};
$follow->($document);
is(join(' ', @dangling), '', 'every reference leads somewhere');
is_deeply([ sort keys %{ $document->{securityDefinitions} } ], ['JWT'], 'and a token is asked for');

$rest->stop;
$node->stop;
done_testing();
