# What an administrator does on a SQL Server, with a client that is not ours (pymssql): scripts as sqlcmd runs them, and
# single statements.
package Administrator;

use strict;
use warnings;

use FindBin;
use IPC::Run;

# One batch up to each GO.
my $client = <<'PYTHON';
import re, sys, pymssql
connection = pymssql.connect(server='127.0.0.1', port=int(sys.argv[1]), user='sa', password='vitals', database='master',
                             autocommit=True)
for batch in re.split(r'(?im)^\s*GO\s*$', sys.stdin.read()):
    try:
        if batch.strip():
            connection.cursor().execute(batch)
    except pymssql.Error as error:
        # It takes the message that USE was done for an error.
        if error.args[0] != 5701:
            raise
PYTHON

sub has_client { return IPC::Run::run([ 'python3', '-c', 'import pymssql' ], '2>', \my $none); }

# Dies where the server refuses it.
sub run_tsql
{
    my ($port, $text) = @_;
    my $error;
    IPC::Run::run([ 'python3', '-c', $client, $port ], '<', \$text, '2>', \$error) or die $error;
    return;
}

# docs/mssql/install_procedures.sql, and the login vitals may execute them. May be done again.
sub install_procedures
{
    my ($port) = @_;
    open(my $file, '<', "$FindBin::RealBin/../../docs/mssql/install_procedures.sql") or die "$!";
    my $script = do { local $/ = undef; <$file> };
    close $file;
    run_tsql($port, $script);
    # The second time it is there.
    eval { run_tsql($port, 'CREATE USER vitals FOR LOGIN vitals') };
    run_tsql($port, 'ALTER ROLE vitals_collector ADD MEMBER vitals');
    return;
}

1;
