# Two tenants behind one PostgREST, each trying to reach the other: by id, name, filter, embedding, claim, role, header,
# token, and with writes without a filter. Directly at PostgREST, since nginx lets less through, and where it matters
# through nginx as well.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

Rest::require_programs();

my $node = new_cluster('rest_tenants');
ready_database($node, 'app');
sub sql { return $node->safe_psql('app', $_[0]); }

# What belongs to the victim has a word in it that must not be in any answer to the other.
my $mark = 'secretglobex';
sql("SELECT vitals.create_tenant('acme'); SELECT vitals.create_tenant('globex')");
my %id;
foreach my $tenant (qw(acme globex))
{
    my $word = $tenant eq 'globex' ? $mark : 'plain';
    $id{$tenant} = sql("SET vitals.tenant = '$tenant';
        SELECT vitals.add_server('${word}01', host => '$word.example', username => '${word}user', password => '${word}password')");
    sql("SET vitals.tenant = '$tenant'; SELECT vitals.add_server('${word}02', host => '$word.example')");
    sql("INSERT INTO tenant_$tenant.metric_types (name, unit, description, kind) VALUES ('${word}_metric', '1', '$word', 'gauge')");
    my $value = $tenant eq 'globex' ? 4711 : 1;
    sql("INSERT INTO tenant_$tenant.metrics (server_id, metric_type_id, value, collected_at)
        SELECT '$id{$tenant}', t.id, $value, now() FROM tenant_$tenant.metric_types AS t WHERE t.name = '${word}_metric'");
    sql("INSERT INTO tenant_$tenant.server_events (server_id, happened_at, old_status, new_status, message)
        VALUES ('$id{$tenant}', now(), 'unknown', 'offline', '$word')");
}
my $rest = Rest->new($node, 'app');
sql('CREATE ROLE shared; GRANT tenant_acme, tenant_globex TO shared; GRANT shared TO authenticator');
sql('CREATE ROLE nobody_granted; CREATE ROLE boss SUPERUSER');

my $acme = Rest::token({ role => 'tenant_acme' });
my $globex = Rest::token({ role => 'tenant_globex' });
my @views = qw(servers fleet_status latest_metrics collection_status collection_config metric_types server_snapshots metrics server_events tenants);

sub state_of
{
    my ($tenant) = @_;
    my @relations = qw(servers collection_config credentials metric_types server_events);
    return sql(join ';', map { "SELECT * FROM tenant_$tenant.$_ ORDER BY 1" } @relations);
}
my %before = map { $_ => state_of($_) } qw(acme globex);

# Whatever was asked, the answer to acme has nothing of globex in it but what acme itself sent, and is no failure of ours.
sub keeps
{
    my ($what, $answer, @sent) = @_;
    my $text = "$answer->{head}\n$answer->{body}";
    $text =~ s/\Q$_\E//g foreach @sent;
    my $leak = $text =~ /\Q$mark\E|\Q$id{globex}\E|4711/ && $answer->{status} < 400 ? 'a leak' : $answer->{status} >= 500 ? 'a failure' : '';
    $leak ||= 'a leak' if $text =~ /\Q$mark\E/;
    is($leak, '', "$what ($answer->{status})") or diag(substr $text, 0, 1500);
    return $answer;
}
sub ask { my ($method, $path, %option) = @_; return $rest->request($method, $path, direct => 1, token => $acme, %option); }
sub status_is
{
    my ($what, $answer, @statuses) = @_;
    return ok((grep { $answer->{status} == $_ } @statuses) > 0, "$what is one of @statuses") || diag("$answer->{status} $answer->{body}");
}

# -- the ground to stand on: each sees its own
foreach my $view (grep { !/^(?:server_snapshots|latest_metrics|collection_status|tenants)$/ } @views)
{
    my $answer = ask('GET', "/$view", token => $globex);
    ok($answer->{status} == 200 && $answer->{body} =~ /$mark/, "$view shows a tenant what is its own") or diag($answer->{body});
}

# -- by id and by name, in every function
my %arguments = (
    server => {}, server_metrics => {}, collection_config_get => {}, metric_values => { metric => 'cpu_percent' },
    metric_history => { metric => "${mark}_metric" }, chart_data => { metrics => ["${mark}_metric"] }, snapshot_history => {},
    event_history => {}, collection_config_put => { config => { interval_seconds => 77 } }, collection_start => {},
    collection_stop => {}, alter_server => { config => { host => 'evil.example' } }, remove_server => { config => { keep_history => JSON::PP::false } },
    set_credential => { config => { username => 'u', password => 'p' } }, collect_now => {}, test_connection => {});
my @functions = split /\n/, sql(<<'SQL');
SELECT DISTINCT p.proname FROM pg_proc AS p
WHERE p.pronamespace = 'vitals_api'::regnamespace AND 'server_id' = ANY (p.proargnames[:p.pronargs]) ORDER BY 1
SQL
is(join(' ', @functions), join(' ', sort keys %arguments), 'every function that takes a server is tried');
foreach my $function (@functions)
{
    foreach my $via_nginx (0, 1)
    {
        my $answer = $rest->request('POST', ($via_nginx ? '/api' : '') . "/rpc/$function", direct => !$via_nginx, token => $acme,
            body => { server_id => $id{globex}, %{ $arguments{$function} } });
        status_is("$function of another tenant's server", keeps("$function by id", $answer, $id{globex}, "${mark}_metric"), 404);
    }
    my $answer = ask('POST', "/rpc/$function", body => { server_id => "${mark}01", %{ $arguments{$function} } });
    status_is("$function by name", keeps("$function by name", $answer, "${mark}01", "${mark}_metric"), 400);
    keeps("$function with both ids", ask('GET', "/rpc/$function?server_id=$id{acme}&server_id=$id{globex}"), $id{globex});
    keeps("$function of my server, with the other's arguments", ask('POST', "/rpc/$function?server_id=eq.$id{globex}",
        body => { server_id => $id{acme}, %{ $arguments{$function} } }), $id{globex}, "${mark}_metric") if $function =~ /^(?:server|metric|chart|snapshot|event)/ && $function !~ /put/;
}

# -- by filter, order, embedding and the rest of what a query can say
foreach my $view (@views)
{
    my $names = $view eq 'tenants' ? 'tenant' : $view eq 'servers' ? 'name' : $view eq 'metric_types' ? 'metric' : 'server';
    foreach my $query ("$names=eq.${mark}01", "$names=like.*", "or=($names.eq.${mark}01,$names.neq.x)", "not.and=($names.eq.x)", "$names=not.is.null",
        'order=' . $names . '.desc&limit=1000&offset=0', "$names=in.(globex,${mark}01)", "select=*,tenants(*)", "select=*,servers(*)",
        "select=*,collection_config(*)", 'select=*,pg_authid(*)', "select=$names,tenant_globex.servers(*)",
        "select=$names\:\:regclass", "select=count()",
        "select=*,...server_metrics(*)",
        "server_id=eq.$id{globex}", "select=$names,vitals_api.server", "columns=$names", "limit=0);SELECT+1",
        "$names=eq.'%3B+DROP+TABLE+x", "vitals.tenant=globex", 'tenant=globex', "$names=fts(english).x", "$names=match.^(a%2B)%2B\$")
    {
        keeps("$view?$query", ask('GET', "/$view?$query"), $id{globex}, "${mark}01");
    }
}
foreach my $relation (qw(tenant_registry server_rows rest_setup trusted_servers tenant_readers pg_authid credentials settings series
    tenant_globex.servers vitals.tenant_registry %22tenant_globex%22.servers rpc/create_tenant rpc/server_rows rpc/run_as rpc/set_config rpc/setup_rest
    rpc/tenant_of_caller rpc/pg_read_file rpc/seal_secret rpc/check_keys), split /\n/, sql("SELECT c.relname FROM pg_class AS c WHERE c.relispartition AND c.relkind = 'r' LIMIT 3"))
{
    status_is("/$relation", keeps("/$relation", ask('GET', "/$relation"), $relation), 404, 403);
}

# -- by claim
my %claim = (
    'the other tenant' => [ 'globex', 403 ], 'one that is not' => [ 'nosuch', 403 ], 'a number' => [ 1, 403 ], 'an object' => [ { a => 1 }, 403 ],
    'a list' => [ ['globex'], 403 ], 'SQL' => [ "acme'; DROP TABLE x; --", 403 ], 'upper case' => [ 'GLOBEX', 403 ], 'a role' => [ 'tenant_globex', 403 ],
    'his own' => [ 'acme', 200 ], 'nothing' => [ '', 200 ], 'null' => [ undef, 200 ]);
foreach my $what (sort keys %claim)
{
    my ($value, $status) = @{ $claim{$what} };
    foreach my $path ('/servers', "/rpc/collection_config_get?server_id=$id{acme}", '/rpc/prometheus_metrics')
    {
        status_is("claim of $what at $path", keeps("claim of $what", ask('GET', $path,
            token => Rest::token({ role => 'tenant_acme', tenant => $value }))), $status);
    }
}
status_is('a claim with another name', keeps('claims', ask('GET', '/servers',
    token => Rest::token({ role => 'tenant_acme', vitals => { tenant => 'globex' }, 'vitals.tenant' => 'globex', sub => 'globex' }))), 200);

# -- by role: only those that were granted to the authenticator, and these only with their own tenants
foreach my $role ('boss', 'postgres', 'pg_monitor', 'nobody_granted', 'vitals_tenant',
    'authenticator', 'web_anon', 'no_such_role', 'none', 'public', '', "tenant_acme\"; RESET ROLE; --", ['tenant_globex'], { a => 1 }, 1)
{
    foreach my $path ('/servers', "/rpc/server?server_id=$id{globex}")
    {
        my $answer = keeps('role ' . encode_json([$role]), ask('GET', $path, token => Rest::token({ role => $role })), $id{globex});
        ok($answer->{status} >= 400 && $answer->{status} < 500, 'is refused') or diag($answer->{body});
    }
}

# -- by token
my $none = encode_base64url(encode_json({ alg => 'none', typ => 'JWT' }));
my $claims = encode_base64url(encode_json({ role => 'tenant_globex', exp => time + 600 }));
my ($head, $body, $signature) = split /\./, $globex;
my %token = (
    'wrong secret' => Rest::token({ role => 'tenant_globex' }, secret => 'x' x 40), 'empty secret' => Rest::token({ role => 'tenant_globex' }, secret => ''),
    'alg none' => "$none.$claims.", 'alg none, signed' => "$none.$claims.$signature", 'no signature' => "$head.$body.", 'two parts' => "$head.$body",
    'other claims under the signature' => join('.', $head, encode_base64url(encode_json({ role => 'tenant_globex' })), (split /\./, $acme)[2]),
    'alg of a public key' => Rest::token({ role => 'tenant_globex' }, header => { alg => 'RS256', typ => 'JWT' }),
    'alg nOnE' => Rest::token({ role => 'tenant_globex' }, header => { alg => 'nOnE', typ => 'JWT' }),
    'key in the token' => Rest::token({ role => 'tenant_globex' }, secret => 'k' x 40, header => { alg => 'HS256', jwk => { kty => 'oct', k => encode_base64url('k' x 40) } }),
    'expired' => Rest::token({ role => 'tenant_globex', exp => time - 60 }), 'not yet valid' => Rest::token({ role => 'tenant_globex', nbf => time + 3600 }),
    'issued later' => Rest::token({ role => 'tenant_globex', iat => time + 3600 }),
    'exp as text' => Rest::token({ role => 'tenant_globex', exp => 'never' }), 'no role' => Rest::token({}), 'garbage' => 'x.y.z', 'blank' => ' ', 'quote' => "'",
    'long' => 'a' x 6000);
foreach my $what (sort keys %token)
{
    foreach my $path ('/servers', '/rpc/prometheus_metrics', "/rpc/server?server_id=$id{globex}")
    {
        my $answer = ask('GET', $path, token => $token{$what});
        ok($answer->{status} == 401 && $answer->{body} !~ /$mark/ && $answer->{head} =~ /^WWW-Authenticate: Bearer/mi, "token with $what at $path") or diag("$answer->{status} $answer->{body}");
    }
}
status_is("a password instead of a token", $rest->request('GET', '/servers', direct => 1, headers => { Authorization => 'Basic cG9zdGdyZXM6' }), 401);
foreach my $path ((map { "/api/$_" } @views), '/metrics', "/api/servers/$id{globex}", map { "/api/rpc/$_?server_id=$id{globex}" } @functions)
{
    my $answer = $rest->request('GET', $path);
    ok(($answer->{status} == 401 || $answer->{status} == 404 && $answer->{json}{code} eq 'PGRST202') && $answer->{body} !~ /$mark/, "without a token, $path is nothing") or diag("$answer->{status} $answer->{body}");
}
my $document = $rest->request('GET', '/', direct => 1);
is(join(' ', sort keys %{ $document->{json}{paths} }), '/', 'the document of anonymous requests lists nothing');

# -- by header
my $plain = ask('GET', '/servers')->{body};
foreach my $case ([ 'Accept-Profile', 406, qw(tenant_globex vitals public pg_catalog information_schema) ], [ 'Content-Profile', 406, qw(tenant_globex vitals) ],
    [ 'Prefer', 200, 'tx=rollback', 'role=tenant_globex', 'params=single-object', 'timezone=Nowhere', 'max-affected=1000' ],
    [ 'X-Tenant', 200, 'globex' ], [ 'X-Tenant-Id', 200, 'globex' ], [ 'X-Role', 200, 'boss' ], [ 'X-Forwarded-User', 200, 'boss' ],
    [ 'X-HTTP-Method-Override', 200, 'DELETE' ], [ 'Cookie', 200, "tenant=globex; Authorization=Bearer $globex" ], [ 'Vitals.Tenant', 200, 'globex' ],
    [ 'X-Server-Id', 200, $id{globex} ], [ 'request.jwt.claims', 200, '{"tenant":"globex"}' ], [ 'X-Original-URL', 200, '/rpc/remove_server' ])
{
    my ($header, $status, @values) = @{$case};
    foreach my $value (@values)
    {
        foreach my $direct (1, 0)
        {
            my $method = $header eq 'Content-Profile' ? 'POST' : 'GET';
            my $path = $method eq 'POST' ? '/rpc/server' : '/servers';
            my $answer = keeps("$header: $value", $rest->request($method, ($direct ? '' : '/api') . $path, direct => $direct, token => $acme,
                headers => { $header => $value }, $method eq 'POST' ? (body => { server_id => $id{acme} }) : ()));
            status_is("$header: $value", $answer, $status);
            unlike($answer->{body}, qr/tenant_globex.*tenant_acme|tenant_acme.*tenant_globex/, 'no list of schemas') if $status == 406;
            is($answer->{body}, $plain, 'changes nothing') if $status == 200;
        }
    }
}
# Two of what there is one of.
my $two = $rest->request('GET', "/api/servers", token => $acme, headers => { authorization => "Bearer $globex" });
ok($two->{status} >= 400 || $two->{body} !~ /$mark/, 'two tokens are not the second one') or diag($two->{body});

# -- one role for several tenants
foreach my $case ([ 'acme', 200, 'plain', $mark ], [ 'globex', 200, $mark, 'plain' ], [ undef, 400 ], [ 'nosuch', 403 ])
{
    my ($tenant, $status, $has, $lacks) = @{$case};
    my $answer = ask('GET', '/servers', token => Rest::token({ role => 'shared', defined $tenant ? (tenant => $tenant) : () }));
    is($answer->{status}, $status, 'a role of two tenants with the claim ' . ($tenant // 'of none'));
    ok($answer->{body} =~ /$has/ && $answer->{body} !~ /$lacks/, 'sees the one that it names') if $status == 200;
}
my $mixed = 0;
foreach my $i (1 .. 60)
{
    my $tenant = (qw(acme globex))[ $i % 2 ];
    my $answer = ask('GET', '/fleet_status',
        token => $i % 3 ? Rest::token({ role => 'shared', tenant => $tenant }) : { acme => $acme, globex => $globex }->{$tenant});
    $mixed++ unless $answer->{status} == 200 && ($answer->{body} =~ /$mark/ xor $tenant eq 'acme') && ($answer->{body} =~ /plain/ xor $tenant eq 'globex');
}
is($mixed, 0, 'requests of both, in turn over the same connections, are never mixed up');

# -- writes that name nothing, and all others that are no function
foreach my $view (@views)
{
    my $column = { tenants => 'status', metric_types => 'unit', latest_metrics => 'value', metrics => 'value', server_snapshots => 'status', server_events => 'message' }->{$view} // 'enabled';
    my $value = $column eq 'enabled' ? JSON::PP::true : $column eq 'value' ? 1 : 'online';
    foreach my $filter ('', "?$column=not.is.null", "?server_id=eq.$id{acme}", '?limit=1')
    {
        foreach my $method (qw(PATCH DELETE POST PUT))
        {
            # PostgREST has no status for a view that nobody can write to.
            my $answer = ask($method, "/$view$filter", $method eq 'DELETE' ? () : (body => { $column => $value }),
                headers => { Prefer => 'return=representation,resolution=merge-duplicates' });
            ok(($answer->{status} == 500 ? $answer->{json}{code} eq '55000' : $answer->{status} >= 400 && $answer->{status} < 500)
                  && $answer->{body} !~ /$mark/, "$method /$view$filter is refused") or diag($answer->{body});
            is($rest->request($method, "/api/$view$filter", token => $acme, body => {})->{status}, 405, 'and by nginx') if $filter eq '';
        }
    }
}
foreach my $function (qw(remove_server collection_stop collection_start alter_server))
{
    foreach my $body ({}, { server_id => undef }, [ { server_id => $id{globex} }, { server_id => $id{acme} } ], [], { config => {} }, { server_id => '' }, { server_id => '%' }, { server_id => { a => 1 } })
    {
        my $answer = keeps("$function of " . encode_json($body), ask('POST', "/rpc/$function", body => $body), $id{globex});
        ok($answer->{status} >= 400, 'is refused') or diag($answer->{body});
    }
}

# -- and after all of it
is(state_of('globex'), $before{globex}, 'nothing of the other tenant was changed');
is(sql('SELECT count(*) FROM tenant_acme.servers'), 2, 'nor was a server of the one that tried removed');
is(count_in_log($node, qr/\bPANIC\b|server process .* was terminated/), 0, 'and no server process failed');
unlike(ask('GET', "/$_",
    token => $globex)->{body} . slurp_file($rest->directory . '/postgrest.log'), qr/${mark}password/, "no password is shown by $_") foreach @views;

$rest->stop;
$node->stop;
done_testing();
