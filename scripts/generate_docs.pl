#!/usr/bin/env perl
# Writes what is made of the catalogue of metric groups: generate_docs.pl [--check].
#   docs/mssql/install_procedures.sql   the procedures of option mode => procedures
#   docs/metrics.md                     the tables between its "generated" marks
# With --check nothing is written: prints the names of files that are not up to date (scripts/check_docs.sh).
use strict;
use warnings;
use utf8;

use FindBin;
use JSON::PP;

my $root = "$FindBin::RealBin/..";
my $checking = @ARGV && $ARGV[0] eq '--check';

sub read_file
{
    my ($path) = @_;
    open(my $file, '<:encoding(UTF-8)', "$root/$path") or die "$path: $!\n";
    local $/ = undef;
    return scalar <$file>;
}

sub write_file
{
    my ($path, $content) = @_;
    open(my $file, '>:encoding(UTF-8)', "$root/$path") or die "$path: $!\n";
    print {$file} $content;
    close $file or die "$path: $!\n";
    return;
}

sub up_to_date
{
    my ($path, $content) = @_;
    return if -e "$root/$path" && read_file($path) eq $content;
    if ($checking) { print "$path is not what scripts/generate_docs.pl makes\n"; }
    else { write_file($path, $content); }
    return;
}

my $groups = JSON::PP->new->decode(read_file('sql/mssql_groups.json'));

# ---- the procedures

# What the connector reads for itself: name => statement.
sub own_statements
{
    my $code = read_file('src/prober/connectors/mssql/mssql_batch.cpp');
    my $header = read_file('src/prober/connectors/mssql/mssql_batch.h');
    my %name_of = $header =~ /^constexpr std::string_view (\w+_set_name) = "(\w+)";/mg;
    my %text_of = $code =~ /^constexpr std::string_view (\w+_statement) =\s*((?:"(?:[^"\\]|\\.)*"\s*)+);/mg;
    my ($table) = $code =~ /\bown_statements\{\{(.*?)\}\};/s or die "mssql_batch.cpp has no own_statements\n";
    my %statements;
    while ($table =~ /\{(\w+), (\w+)\}/g)
    {
        my ($name, $text) = ($name_of{$1}, $text_of{$2});
        die "mssql_batch.cpp: cannot read $1, $2\n" if !$name || !$text;
        $statements{$name} = join('', $text =~ /"((?:[^"\\]|\\.)*)"/g) =~ s/\\(.)/$1/gr;
    }
    return \%statements;
}

sub literal { my ($text) = @_; return "N'" . $text =~ s/'/''/gr . "'"; }

# All counters that a group reads, as the prober writes them in place of {{sources}}.
sub sources_of
{
    my ($group) = @_;
    my %names = map { s/.*\\//r => 1 } grep { defined } map { ($_->{source}, $_->{base}) } @{ $group->{metrics} };
    return join(', ', map { literal($_) } sort keys %names);
}

sub statement_of
{
    my ($group, $variant) = @_;
    my $sql = join("\n", @{ $variant->{sql} });
    my $sources = sources_of($group);
    return $sql =~ s/\{\{sources\}\}/$sources/gr;
}

# As the prober chooses: Azure SQL Database and Managed Instance have all versions.
sub condition_of
{
    my ($variant) = @_;
    my @editions = @{ $variant->{editions} // [] };
    my $editions = @editions ? '@edition IN (' . join(', ', @editions) . ')' : '@edition NOT IN (5, 6, 11)';
    my $version = $variant->{min_version} // 0;
    return $editions if $version <= 11;
    return "$editions AND (\@version >= $version OR \@edition IN (5, 8))";
}

# choices: [[condition, statement], …], the first that holds counts; without condition: everywhere.
sub procedure
{
    my ($name, $comment, @choices) = @_;
    my $branches = '';
    foreach my $choice (@choices)
    {
        my ($condition, $statement) = @{$choice};
        $branches .= $branches eq '' ? '' : "ELSE ";
        $branches .= $condition ? "IF $condition\n    " : '';
        $branches .= "SET \@statement = " . literal($statement) . ";\n";
    }
    return <<"SQL";
-- $comment
DECLARE \@statement nvarchar(max) = NULL,
    \@edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    \@version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
$branches
IF \@statement IS NOT NULL
BEGIN
    SET \@statement = N'CREATE PROCEDURE vitals.collect_$name AS
SET NOCOUNT ON;
' + \@statement + N';';
    EXEC sys.sp_executesql \@statement;
END;
GO
SQL
}

sub procedures
{
    my $own = own_statements();
    my @parts = map { procedure($_, "$_: read before all others.", [ undef, $own->{$_} ]) } sort keys %{$own};
    foreach my $group (sort { $a->{name} cmp $b->{name} } @{$groups})
    {
        push @parts,
            procedure($group->{name}, "$group->{name}: " . lcfirst($group->{description}),
                map { [ condition_of($_), statement_of($group, $_) ] } @{ $group->{variants} });
    }
    my $text = read_file('docs/mssql/procedures_template.sql');
    $text =~ s/^-- \{\{procedures\}\}\n/join("\n", @parts)/me;
    # What stands in the template is for who changes it.
    $text =~ s/\A(?:---[^\n]*\n)+//;
    return $text;
}

# ---- the tables of docs/metrics.md

sub cell { my ($text) = @_; return $text =~ s/\|/\\|/gr; }

sub how
{
    my ($group, $metric) = @_;
    my $source = ($metric->{source} =~ s/.*\\//r);
    my $base = defined $metric->{base} ? ($metric->{base} =~ s/.*\\//r) : undef;
    my $over = $metric->{over} // 'row';
    my %of = (gauge => $source, rate => "d($source) / dt", delta => "d($source)");
    %of = (%of, ratio => "100 · $source / $base", average => "d($source) / d($base)") if defined $base;
    my $formula = $over eq 'count' ? 'number of rows' : $of{ $metric->{kind} };
    $formula = "$over of $formula" if $over =~ /^(?:sum|max|min)$/ && ($metric->{instance} // '') ne '_Total';
    $formula = "sum of $formula" if $over eq 'category';
    $formula .= ", of _Total" if ($metric->{instance} // '') eq '_Total';
    $formula .= " · $metric->{factor}" if defined $metric->{factor};
    return $formula;
}

sub instance
{
    my ($group, $metric) = @_;
    my $over = $metric->{over} // 'row';
    return 'category' if $over eq 'category';
    return '' if $over ne 'row';
    return ($metric->{instance} // '') eq '*' ? 'instance' : '' if ($group->{layout} // '') eq 'rows';
    return join('/', @{ $group->{labels} // [] });
}

sub views_of
{
    my ($group) = @_;
    my %views;
    foreach my $variant (@{ $group->{variants} })
    {
        $views{$_} = 1 foreach join("\n", @{ $variant->{sql} }) =~ /\b((?:tempdb\.|master\.)?sys\.(?!databases\b)\w+|msdb\.dbo\.\w+)/g;
    }
    # Where it has nothing else.
    $views{'sys.databases'} = 1 if !%views;
    return join(', ', map { "`$_`" } sort keys %views);
}

sub targets_of
{
    my ($group) = @_;
    my (@editions, $oldest);
    foreach my $variant (@{ $group->{variants} })
    {
        if ($variant->{editions}) { push @editions, @{ $variant->{editions} }; }
        else { $oldest = $variant->{min_version} if !defined $oldest || $variant->{min_version} < $oldest; }
    }
    my %year = (11 => 2012, 12 => 2014, 13 => 2016, 14 => 2017, 15 => 2019, 16 => 2022);
    my @targets = defined $oldest ? ("SQL Server $year{$oldest} and later, Managed Instance") : ();
    push @targets, map { { 5 => 'Azure SQL Database', 8 => 'Managed Instance' }->{$_} } @editions;
    return join(', ', @targets);
}

sub every
{
    my ($group) = @_;
    my $every = $group->{every} // 1;
    return $every == 1 ? 'each cycle' : "every ${every}th cycle";
}

sub metric_tables
{
    my $text = '';
    foreach my $group (@{$groups})
    {
        $text .= "### Group $group->{name}\n\n$group->{description}\n\n";
        $text .= sprintf("%s. %s; %s. Permission: %s. Source: %s.\n\n", targets_of($group), ucfirst(every($group)),
            $group->{cost}, $group->{permission} // 'none', views_of($group));
        $text .= "| Metric | Unit | Kind | Instance | Formula | |\n|---|---|---|---|---|---|\n";
        foreach my $metric (@{ $group->{metrics} })
        {
            $text .= '| ' . join(' | ', map { cell($_) } "`$metric->{name}`", $metric->{unit}, $metric->{kind}, instance($group, $metric),
                how($group, $metric), $metric->{description}) . " |\n";
        }
        $text .= "\n";
    }
    return $text;
}

sub metrics_page
{
    my $page = read_file('docs/metrics.md');
    my $tables = metric_tables();
    $page =~ s/(<!-- generated [^\n]* -->\n\n).*?(<!-- end of generated -->)/$1$tables$2/s or die "docs/metrics.md has no marks\n";
    return $page;
}

up_to_date('docs/mssql/install_procedures.sql', procedures());
up_to_date('docs/metrics.md', metrics_page());
