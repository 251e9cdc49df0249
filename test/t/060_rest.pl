# The paths of docs/rest/nginx.conf, with a real nginx and a real PostgREST: each path with each status that it can have,
# and what a change over HTTP does to the collection. The prober is rogue_prober.pl, which gives honest answers to hosts
# without a deed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IO::Select;
use IO::Socket::INET;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

Rest::require_programs();

# From the answer to what the collector does, and from there to what is stored.
my $function_limit = 2;
my $sample_limit = 10;

my $node = new_cluster('rest', install_path => server_tree_with_prober("$FindBin::RealBin/../perl/rogue_prober.pl"));
ready_database($node, 'app');
sub sql { return $node->safe_psql('app', $_[0]); }

sql("SELECT vitals.create_tenant('$_')") foreach qw(acme globex);
sql("CREATE ROLE outsider; CREATE ROLE reader; SELECT vitals.grant_tenant('acme', 'reader')");
my $id = sql("SET vitals.tenant = 'acme'; SELECT vitals.add_server('sql01', host => 'good')");
my $other = sql("SET vitals.tenant = 'acme'; SELECT vitals.add_server('sql02', host => 'good')");
my $foreign = sql("SET vitals.tenant = 'globex'; SELECT vitals.add_server('sql01', host => 'good')");
my $unknown = '00000000-0000-4000-8000-000000000000';
my $rest = Rest->new($node, 'app');
sql('GRANT outsider, reader TO authenticator');

my %token = (
    acme     => Rest::token({ role => 'tenant_acme' }),
    reader   => Rest::token({ role => 'reader' }),
    outsider => Rest::token({ role => 'outsider' }),
    expired  => Rest::token({ role => 'tenant_acme', exp => time - 3600 }),
    forged   => Rest::token({ role => 'tenant_acme' }, secret => 'another secret, which is as long as that'));

# Every answer, whatever it says: nothing of whoever asks in its status line, no versions, the headers that browsers are
# to see, and the form that all errors have.
sub sound
{
    my ($answer, $method, $through_nginx) = @_;
    return "reason \"$answer->{reason}\"" unless $answer->{reason} =~ /^[A-Za-z_ -]+$/;
    return 'injected header' if $answer->{head} =~ /^X-Injected|^Set-Cookie/mi;
    if ($through_nginx)
    {
        return 'version' if $answer->{head} =~ m{nginx/|postgrest}i;
        foreach my $header (qw(x-content-type-options content-security-policy referrer-policy cache-control))
        {
            return "no $header" unless defined $answer->{headers}{$header};
        }
        return 'no Allow' if $answer->{status} == 405 && $method ne 'TRACE' && !defined $answer->{headers}{allow};
    }
    return 'no WWW-Authenticate' if $answer->{status} == 401 && !defined $answer->{headers}{'www-authenticate'};
    return $answer->{status} >= 400 && $method ne 'HEAD' ? Rest::not_an_error($answer) : '';
}

# Passes if the answer is sound and has the status and, if given, the code; returns it.
sub answers
{
    my ($what, $method, $path, $status, $code, %option) = @_;
    my $answer = $rest->request($method, $path, %option);
    my $problem = sound($answer, $method, !$option{direct});
    my $got_code = $status >= 400 && defined $code ? ($answer->{json}{code} // 'none') : undef;
    my $passed = $answer->{status} == $status && $problem eq '' && (!defined $got_code || $got_code eq $code);
    ok($passed, "$what: $method $path is $status" . (defined $code ? " $code" : ''))
      or diag("$answer->{head}\n\n" . substr($answer->{body}, 0, 500) . "\nproblem: $problem");
    return $answer;
}

sub config_of { return sql("SET vitals.tenant = 'acme'; SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_get('$_[0]') AS c"); }

# -- every path: what it allows, with a token that may do everything
my $config = { body => { interval_seconds => 60 } };
my @paths = (
    [ '/api/servers', 'GET, HEAD' ],
    [ '/api/servers/{id}', 'GET, HEAD' ],
    [ '/api/servers/{id}/metrics', 'GET, HEAD' ],
    [ '/api/servers/{id}/collection-config', 'GET, HEAD, PUT' ],
    [ '/api/servers/{id}/collection/start', 'POST' ],
    [ '/api/servers/{id}/collection/stop', 'POST' ],
    [ '/metrics', 'GET, HEAD' ]);
foreach my $row (@paths)
{
    my ($template, $allow) = @{$row};
    my %allowed = map { $_ => 1 } split /, /, $allow;
    my $path_to = sub { my ($server) = @_; return $template =~ s/\{id\}/$server/r; };
    foreach my $method (qw(GET HEAD PUT POST DELETE PATCH OPTIONS TRACE))
    {
        my $path = $path_to->($id);
        my %body = $method eq 'PUT' ? %{$config} : ();
        unless ($allowed{$method})
        {
            my $answer = answers('not allowed', $method, $path, 405, $method eq 'HEAD' ? undef : 'HTTP405', token => $token{acme}, %body);
            is($answer->{headers}{allow}, $allow, 'and the methods that are') unless $method eq 'TRACE';
            next;
        }
        my $answer = answers('allowed', $method, $path, 200, undef, token => $token{acme}, %body);
        is($answer->{body}, '', 'without a body') if $method eq 'HEAD';
        my @refused = ([ 'no token', undef, 401, '42501' ], [ 'a token that was made up', $token{forged}, 401, 'PGRST301' ],
            [ 'an old token', $token{expired}, 401, 'PGRST301' ], [ 'no member', $token{outsider}, 403, '42501' ]);
        push @refused, [ 'a reader', $token{reader}, 403, '42501' ] if $method =~ /^(?:PUT|POST)$/;
        foreach my $case (@refused)
        {
            my ($what, $token, $status, $code) = @{$case};
            answers($what, $method, $path, $status, $method eq 'HEAD' ? undef : $code, token => $token, %body);
        }
        answers('a reader', $method, $path, 200, undef, token => $token{reader}) unless $method =~ /^(?:PUT|POST)$/;
        next unless $template =~ /\{id\}/;
        my @bodies = map { my $answer = answers('no such server', $method, $path_to->($_), 404, $method eq 'HEAD' ? undef : 'PT404', token => $token{acme}, %body);
            $answer->{body} =~ s/\Q$_\E//gr . $answer->{reason} } $unknown, $foreign;
        is($bodies[1], $bodies[0], "another tenant's server looks the same as none");
        answers('no id', $method, $path_to->($_), 404, $method eq 'HEAD' ? undef : 'PT404', token => $token{acme}, %body)
          foreach 'sql01', '1', "$id'", "$id%22", "%0d%0aX-Injected:%20yes";
    }
    answers('too long', 'POST', $path_to->($id), 413, 'HTTP413', token => $token{acme}, body => ' ' x 70_000);
}
answers('no path', 'GET', $_, 404, 'HTTP404', token => $token{acme})
  foreach '/', '/api/servers/../../etc/passwd', '/api/rpc/', '/api/rpc/server/x', '/api/servers.csv', '/.collection_config_put';
answers('no path of a server', 'GET', "/api/servers/$id/$_", 404, 'PT404', token => $token{acme}) foreach 'x', 'collection', 'collection/pause', '';
answers('unknown to PostgREST', 'GET', '/api/nothing', 404, '42P01', token => $token{acme});
answers('unknown to PostgREST', 'POST', '/api/rpc/nothing', 404, 'PGRST202', token => $token{acme}, body => {});
answers('a long line', 'GET', '/api/servers?x=' . 'y' x 40_000, 414, 'HTTP414', token => $token{acme});
answers('no HTTP', 'GET', '/api/servers', 400, 'HTTP400', headers => { Host => 'a b' });
answers('too long to be looked at', 'POST', '/api/rpc/add_server', 413, 'HTTP413', token => $token{acme}, body => ' ' x 70_000, chunked => 1);

# -- the configuration: what is wrong with a body is said, and nothing is changed
my $path = "/api/servers/$id/collection-config";
my @before = (config_of($id), config_of($other));
my @bad = (
    [ 'too short', '{"interval_seconds":29}', '22023' ], [ 'too long', '{"interval_seconds":3601}', '22023' ],
    [ 'negative', '{"interval_seconds":-60}', '22023' ], [ 'huge', '{"interval_seconds":1e400}', '22023' ],
    [ 'broken number', '{"interval_seconds":60.5}', '22023' ], [ 'text as number', '{"interval_seconds":"60"}', '22023' ],
    [ 'null', '{"interval_seconds":null}', '22023' ], [ 'text as truth', '{"enabled":"yes"}', '22023' ],
    [ 'number as truth', '{"enabled":1}', '22023' ], [ 'text as list', '{"metrics_enabled":"cpu_percent"}', '22023' ],
    [ 'numbers in the list', '{"metrics_enabled":[1]}', '22023' ], [ 'unknown metric', '{"metrics_enabled":["cpu"]}', '22023' ],
    [ 'unknown key', '{"intervall":60}', '22023' ], [ 'known and unknown key', '{"interval_seconds":60,"x":1}', '22023' ],
    [ 'braces in a name', '{"}{\"},":60}', '22023' ], [ 'an object inside', '{"interval_seconds":{"a":1}}', 'PGRST102' ],
    [ 'no body', '', 'PGRST102' ], [ 'blanks', '   ', 'PGRST102' ], [ 'a list', '[]', 'PGRST102' ],
    [ 'list of one', '[{"interval_seconds":77}]', 'PGRST102' ], [ 'null', 'null', 'PGRST102' ], [ 'text', '"x"', 'PGRST102' ],
    [ 'number', '60', 'PGRST102' ], [ 'half a body', '{"interval_seconds":77', 'PGRST102' ],
    [ 'no JSON', 'interval_seconds=77', 'PGRST102' ], [ 'a comma too many', '{"interval_seconds":77,}', 'PGRST102' ],
    [ 'no UTF-8', "{\"interval_seconds\":77,\"\xff\":1}", 'PGRST102' ], [ 'nothing at all', "\0", 'PGRST102' ],
    [ 'comment', '{"interval_seconds":77/**/}', 'PGRST102' ],
    # Attempts to end the value that the body is, and to go on as something else.
    [ 'another server', qq({"interval_seconds":77},"server_id":"$other"), 'PGRST102' ],
    [ 'another server first', qq({"interval_seconds":77},"server_id":"$other","x":{}), 'PGRST102' ],
    [ 'another config', '{},"config":{"interval_seconds":77}', 'PGRST102' ],
    [ 'another argument', '{},"x":{}', 'PGRST102' ], [ 'end of all', '{}}', 'PGRST102' ],
    [ 'two bodies', qq({"interval_seconds":77},"server_id":"$other"}{"config":{}), 'PGRST102' ],
    [ 'unbalanced', '{"interval_seconds":77],"x":["y"}', 'PGRST102' ], [ 'escaped quote', '{"interval_seconds":77,"\\"}', 'PGRST102' ],
    [ 'a quote of the other kind', qq({"interval_seconds":77,'a':1}), 'PGRST102' ]);
foreach my $case (@bad)
{
    my ($what, $body, $code) = @{$case};
    answers($what, 'PUT', $path, 400, $code, token => $token{acme}, body => $body);
}
answers('long and bad', 'PUT', $path, 400, '22023', token => $token{acme}, body => '{"' . 'x' x 65_000 . '":1}');
answers('long, with many quotes', 'PUT', $path, 400, undef, token => $token{acme}, body => '{' . '"\\"",' x 9_000 . '}');
answers('bad, in pieces', 'PUT', $path, 400, 'PGRST102', token => $token{acme}, body => '', chunked => 1);
answers('of another type', 'PUT', $path, 400, 'PGRST102', token => $token{acme}, body => "interval_seconds\n77\n",
    headers => { 'Content-Type' => 'text/csv' });
is(config_of($id), $before[0], 'nothing of it changed the server');
is(config_of($other), $before[1], 'nor the other one');
like(answers('unknown metric', 'PUT', $path, 400, '22023', token => $token{acme}, body => { metrics_enabled => ['cpu_percnt'] })->{json}{hint},
    qr/cpu_percent/, 'has a hint');

my $answer = answers('one setting', 'PUT', $path, 200, undef, token => $token{acme}, body => { interval_seconds => 3600 });
is($answer->{json}{interval_seconds}, 3600, 'is what the answer says');
is_deeply([ sort keys %{ $answer->{json} } ], [qw(enabled interval_seconds last_collected_at metrics_enabled server_id)], 'with the rest');
is(answers('in pieces', 'PUT', $path, 200, undef, token => $token{acme},
    body => " {\n\"interval_seconds\" : 30 }\n", chunked => 1)->{json}{interval_seconds}, 30, 'is set');
$answer = answers('read', 'GET', $path, 200, undef, token => $token{acme});
is(answers('sent back', 'PUT', $path, 200, undef, token => $token{acme}, body => $answer->{body})->{body}, $answer->{body}, 'changes nothing');
is(answers('a query', 'GET', "$path?$_", 200, undef, token => $token{acme})->{json}{server_id}, $id, 'cannot name another server')
  foreach "server_id=$other", "server%5fid=$other", "server_id=$other&server_id=$other", "select=server_id&server_id=$other";
is(answers('a query', 'PUT', "$path?server_id=$other&x=y", 200, undef, token => $token{acme},
    body => { interval_seconds => 31 })->{json}{server_id}, $id, 'nor when it writes');
is(answers('a query and a body', 'POST', "/api/servers/$id/collection/stop?server_id=$other", 200, undef, token => $token{acme},
    body => { server_id => $other })->{json}{server_id}, $id, 'nor a body of what takes none');
answers('an odd preference', 'PUT', $path, 200, undef, token => $token{acme}, body => { interval_seconds => 31 },
    headers => { Prefer => 'params=single-object, handling=strict' });
is(config_of($other), $before[1], 'the other server is as it was');

# -- what PostgREST has beside the paths
my $add = { name => 'sql03', host => 'good' };
is(answers('add', 'POST', '/api/rpc/add_server', 200, undef, token => $token{acme},
    body => { config => $add })->{json}{name}, 'sql03', 'returns the server');
answers('add twice', 'POST', '/api/rpc/add_server', 409, '23505', token => $token{acme}, body => { config => $add });
answers('a name with line breaks', 'POST', '/api/rpc/add_server', 400, '22023', token => $token{acme},
    body => { config => { name => "a\r\nX-Injected: yes" } });
answers('rename to one that is there', 'POST', '/api/rpc/alter_server', 409, '23505', token => $token{acme},
    body => { config => { name => "sql02" }, server_id => $id });
answers('no id', 'GET', '/api/rpc/server?server_id=%0d%0aX-Injected:%20yes', 400, '22P02', token => $token{acme});
answers('no argument', 'POST', '/api/rpc/collection_stop', 404, 'PGRST202', token => $token{acme}, body => {});
answers('no server', 'POST', '/api/rpc/collection_stop', 404, 'PT404', token => $token{acme}, body => { server_id => undef });
answers('writing with GET', 'GET', "/api/rpc/collection_stop?server_id=$id", 405, '25006', token => $token{acme});
answers('deleting', 'DELETE', "/api/$_", 405, 'HTTP405', token => $token{acme}) foreach 'servers', 'fleet_status', 'rpc/remove_server';

# -- a tenant's own code cannot write into the response
sql(<<'SQL');
SET ROLE tenant_acme;
CREATE TABLE tenant_acme.forgery (state text, message text);
CREATE FUNCTION tenant_acme.forge() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE forgery record;
BEGIN
    SELECT f.* INTO STRICT forgery FROM tenant_acme.forgery AS f;
    PERFORM set_config('response.headers', '[{"X-Injected": "yes"}]', false);
    PERFORM set_config('response.status', '299', false);
    IF forgery.state <> '' THEN RAISE EXCEPTION USING ERRCODE = forgery.state, MESSAGE = forgery.message, DETAIL = forgery.message; END IF;
    RETURN new;
END $$;
CREATE TRIGGER forge BEFORE UPDATE ON tenant_acme.collection_config FOR EACH ROW EXECUTE FUNCTION tenant_acme.forge();
INSERT INTO tenant_acme.forgery VALUES ('', '');
SQL
foreach my $case ([ '', '', 200 ], [ 'PT418', "boom\r\nX-Injected: yes\r\nSet-Cookie: a=b" ], [ 'PT200', "fine\nX-Injected: yes" ],
    [ 'PT404', "a\r\n\r\n<script>" ], [ 'PT499', "a\tb" ], [ 'PT204', 'nothing' ], [ 'PT999', 'x' ], [ 'PT000', 'x' ], [ 'PTabc', 'x' ],
    [ 'PGRST', '{"code":"1","message":"m","details":"d","hint":"h"}' ])
{
    my ($state, $message, $status) = @{$case};
    sql(sprintf q(UPDATE tenant_acme.forgery SET state = %s, message = %s), map { my $text = s/'/''/gr; "E'" . ($text =~ s/\r/\\r/gr =~ s/\n/\\n/gr) . "'" } $state, $message);
    foreach my $direct (0, 1)
    {
        my $answer = $direct
          ? $rest->request('POST', '/rpc/collection_config_put', direct => 1, token => $token{acme},
              body => { config => { interval_seconds => 31 }, server_id => $id })
          : $rest->request('PUT', $path, token => $token{acme}, body => { interval_seconds => 31 });
        my $problem = sound($answer, 'PUT', !$direct);
        ok($problem eq '' && (defined $status ? $answer->{status} == $status : $answer->{status} >= 400),
            "a trigger that raises \"$state\" " . ($direct ? 'behind PostgREST' : 'behind nginx')) or diag("$answer->{head}\n$problem");
    }
}
sql('SET ROLE tenant_acme; DROP TRIGGER forge ON tenant_acme.collection_config');

# -- what takes effect
my $row = sub { my ($view) = @_; return $rest->request('GET', "/api/$view?server_id=eq.$id", token => $token{acme})->{json}[0]; };
answers('start', 'POST', "/api/servers/$id/collection/start", 200, undef, token => $token{acme});
within($function_limit, 'the first poll', sub { defined $row->('collection_status')->{last_collected_at} });
answers('start again', 'POST', "/api/servers/$id/collection/start", 200, undef, token => $token{acme});
answers('an hour', 'PUT', $path, 200, undef, token => $token{acme}, body => { interval_seconds => 3600, metrics_enabled => ['memory_percent'] });
is_deeply([ sort keys %{ answers('poll', 'POST', '/api/rpc/collect_now', 200, undef, token => $token{acme},
    body => { server_id => $id })->{json}{metrics} } ],
    ['memory_percent'], 'the next poll reads what was chosen');
my $due_in = sub { return sql("SELECT round(extract(epoch FROM c.next_due_at - c.last_collected_at)) FROM tenant_acme.collection_state AS c WHERE c.server_id = '$id'"); };
within($sample_limit, 'and the one after it is due as was set', sub { $due_in->() > 1700 });
answers('half a minute', 'PUT', $path, 200, undef, token => $token{acme}, body => { interval_seconds => 30 });
my $polls = snapshots_of($node, 'app', 'acme', 'sql01');
within(30 + $sample_limit, 'a shorter interval is the next one, with the clock of the wall', sub { snapshots_of($node, 'app', 'acme', 'sql01') > $polls });
is(answers('values', 'GET', "/api/servers/$id/metrics?metric=eq.memory_percent", 200, undef,
    token => $token{acme})->{json}[0]{value}, 40, 'a value that was collected');
answers('stop', 'POST', "/api/servers/$id/collection/stop", 200, undef, token => $token{acme});
within($function_limit, 'nothing is a target any more', sub { sql('SELECT targets FROM vitals.worker_status') == 0 });

# -- 200 at once
sub at_once
{
    my (@requests) = @_;
    my %of;
    foreach my $request (@requests)
    {
        my ($method, $path, $token, $body) = @{$request};
        my $socket = IO::Socket::INET->new(PeerAddr => $rest->url =~ s{^http://}{}r, Timeout => 10) or die "connect: $!";
        $socket->print("$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $token\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
        $of{ fileno $socket } = { socket => $socket, text => '' };
    }
    my $open = IO::Select->new(map { $_->{socket} } values %of);
    while ($open->count)
    {
        my @ready = $open->can_read(60) or die 'no answer in 60 s';
        foreach my $socket (@ready)
        {
            my $of = $of{ fileno $socket };
            sysread($socket, $of->{text}, 65536, length $of->{text}) or $open->remove($socket);
        }
    }
    return map { Rest::parse_answer($_->{text}) } values %of;
}
my @metrics = qw(cpu_percent memory_percent);
my @answers = at_once(map { [ 'PUT', $path, $token{acme}, qq({"interval_seconds":$_,"metrics_enabled":["$metrics[$_ % 2]"]}) ] } 101 .. 300);
is(scalar(grep { $_->{status} != 200 } @answers), 0, '200 changes at once succeed');
is(join(' ', sort map { $_->{json}{interval_seconds} } @answers), join(' ', sort 101 .. 300), 'and each sees its own');
$answer = answers('afterwards', 'GET', $path, 200, undef, token => $token{acme})->{json};
ok($answer->{interval_seconds} >= 101 && $answer->{metrics_enabled}[0] eq $metrics[ $answer->{interval_seconds} % 2 ], 'what is left was written by one of them');

# -- who is not there
sql('SELECT vitals.disable()');
answers('nothing is collected', 'POST', '/api/rpc/collect_now', 503, 'PT503', token => $token{acme}, body => { server_id => $id });
answers('nothing is collected', 'POST', '/api/rpc/test_connection', 503, 'PT503', token => $token{acme}, body => { server_id => $id });
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$rest->until_status('GET', '/api/servers', 200, token => $token{acme});
answers('no module', 'POST', "/api/servers/$id/collection/start", 503, 'PT503', token => $token{acme});
answers('no module', 'GET', $path, 200, undef, token => $token{acme});
answers('no module', 'POST', "/api/servers/$id/collection/stop", 200, undef, token => $token{acme});
$node->stop;
answers('no database', 'GET', $path, 503, undef, token => $token{acme});
$rest->stop_program('postgrest');
answers('no PostgREST', 'GET', $path, 502, 'HTTP502', token => $token{acme});

$rest->stop;
done_testing();
