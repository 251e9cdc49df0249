# docs/rest.md shows every call with its answer. Here the calls are made, in its order, and the answers must be those: with
# VITALS_WRITE=1 they are written into the document instead. What is different each time (ids, times, how long something
# took) is made the same first.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use SimulatedServers;
use Test::More;

Rest::require_programs();

my $document = "$FindBin::RealBin/../../docs/rest.md";
my $write = $ENV{VITALS_WRITE};

my $poll_limit = 10;

my $simulated = SimulatedServers->new(servers => 1);
my $node = new_cluster('rest_docs', conf => sprintf "vitals.ca_directory = '%s'", $simulated->ca_directory);
ready_database($node, 'app');
sub sql { return $node->safe_psql('app', $_[0]); }
sql("SELECT vitals.create_tenant('acme')");
my $rest = Rest->new($node, 'app');
my $token = Rest::token({ role => 'tenant_acme' });
# What the document calls {server}, {port} …: {new} is the server that it adds.
my $add = q(SELECT vitals.add_server('sql01', host => 'localhost', port => %d, username => 'vitals', password => 'vitals',
                                     options => '{"ca_file": "%s"}'));
my %id = (server => sql(sprintf $add, $simulated->port, $simulated->ca),
    port => $simulated->port, ca => $simulated->ca);

sub settle
{
    my ($text) = @_;
    my %name = reverse %id;
    $text =~ s/\Q$id{ca}\E/{ca}/g;
    $text =~ s/\b$id{port}\b/{port}/g;
    $text =~ s/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/exists $name{$1} ? "{$name{$1}}" : '{id}'/ge;
    $text =~ s/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00/2026-11-26T12:00:00+00:00/g;
    $text =~ s/("(?:lag_ms|duration_ms|interval_ms)":)[\d.]+/${1}12.3/g;
    $text =~ s/^(vitals_collection_(?:age|duration)_seconds\{.*\}) [\d.]+$/$1 0.123/mg;
    $text =~ s/("count":)\d+/${1}3/g;
    $text =~ s/\b\d+(?:\.\d+)? ms\b/1.2 ms/g;
    $text =~ s/("t" : \[)\d[^]]*\]/${1}1795694400, 1795694460, …]/g;
    $text =~ s/("series" : \{)(.*?)\}/my ($key, $lines) = ($1, $2); "$key" . ($lines =~ s{\[[^]]*\]}{[null, 81.25, …]}gr) . '}'/e;
    # Of long lists the first elements say it all.
    my $rows = () = $text =~ /^ ?\[?\{/mg;
    $text =~ s/^(\[\{.*?\}), *\n.*\z/$1, …]/s if $rows > 2 && $text !~ /"remedy"/;
    my $lines = () = $text =~ /\n/g;
    $text = join("\n", (split /\n/, $text)[ 0 .. 8 ]) . "\n…" if $lines > 9;
    $text =~ s/\s+\z//;
    return join "\n", map { wrap($_) } split /\n/, $text;
}

sub wrap
{
    my ($line) = @_;
    my $out = '';
    while (length $line > 126)
    {
        my $at = rindex $line, ',"', 126;
        last if $at <= 0;
        $out .= substr($line, 0, $at + 1) . "\n ";
        $line = substr $line, $at + 1;
    }
    return $out . $line;
}

sub ask
{
    my ($request) = @_;
    my ($head, $body) = split /\n\n/, $request, 2;
    my ($first, @headers) = split /\n/, $head;
    my ($method, $path) = split / /, $first, 2;
    foreach my $text ($path, $body)
    {
        $text =~ s/\{(\w+)\}/$id{$1} \/\/ "{$1}"/ge if defined $text;
    }
    my %headers = map { split /: /, $_, 2 } @headers;
    my $given = delete $headers{Authorization};
    my $answer = $rest->request($method, $path, headers => \%headers, defined $body ? (body => $body) : (),
        defined $given ? (headers => { %headers, Authorization => $given }) : (token => $token));
    # The first poll, which follows the start at once, is what later answers are about.
    if ($path =~ m{collection[/_]start$} && $answer->{status} == 200)
    {
        my $before = $answer->{json}{last_collected_at} // '-infinity';
        within($poll_limit, 'polled', sub { sql("SELECT last_collected_at > '$before' FROM tenant_acme.collection_state") eq 't' });
    }
    # A server that is stopped is forgotten, and its next sample is a first one.
    within($poll_limit, 'forgotten', sub { sql('SELECT targets FROM vitals.worker_status') eq '0' })
      if $path =~ m{collection[/_]stop$} && $answer->{status} == 200;
    $id{new} //= $answer->{json}{server_id} if $path =~ /add_server$/ && $answer->{status} == 200;
    return $answer;
}

my $text = slurp_file($document);
my ($new, $count) = ('', 0);
foreach my $part (split /(^```http\n.*?^```\n)/ms, $text)
{
    my ($inner) = $part =~ /^```http\n(.*)\n```\n\z/s or do { $new .= $part; next };
    my ($request, $expected) = split /\n+(?=HTTP \d)/, $inner, 2;
    $request =~ s/\n+\z//;
    my $answer = ask($request);
    my $shown = join "\n", "HTTP $answer->{status}",
      (map { defined $answer->{headers}{ lc $_ } ? "$_: " . $answer->{headers}{ lc $_ } : () } qw(Allow WWW-Authenticate)),
      length $answer->{body} ? ('', settle($answer->{body})) : ();
    is($expected // '', $shown, (split /\n/, $request)[0]) unless $write;
    $new .= "```http\n$request\n\n$shown\n```\n";
    $count++;
}
cmp_ok($count, '>=', 25, 'the document has the calls');
my %shown = map { $_ => 1 } $text =~ m{^(?:GET|POST) /api/(?:rpc/)?([a-z_]+)}mg;
my @missing = grep { !$shown{$_} } split /\n/, sql(<<'SQL');
SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v'
UNION ALL SELECT DISTINCT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'vitals_api'::regnamespace AND p.proname <> 'prometheus_metrics'
SQL
is("@missing", '', 'every view and function is among them');
if ($write)
{
    open my $file, '>', $write or die "$write: $!";
    print {$file} $new;
    close $file;
}

$rest->stop;
$node->stop;
done_testing();
