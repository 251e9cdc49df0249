--- What docs/mssql/install_procedures.sql is made of, with the procedures put in: scripts/generate_docs.pl.
-- pg_vitals: collection by stored procedures. For sites where a monitoring login may execute procedures and read nothing.
-- Made from the catalogue of metric groups; the statements are those that are sent without this script.
--
-- Run it in the database that is to hold the procedures: master, or any other one (then give the server that name as
-- option database). With sqlcmd or SSMS, as a member of sysadmin; in Azure SQL Database as the database's administrator.
-- It may be run again: after an update of pg_vitals, of SQL Server, or to renew the certificate. SQL Server 2012 and later.
--
-- What it makes, and nothing else:
--   schema vitals, with one procedure per metric group: a single SELECT each;
--   role vitals_collector, which may execute them;
--   certificate vitals_signing, whose private key is thrown away once it has signed the procedures, and from it a login
--   (VIEW SERVER STATE, VIEW ANY DEFINITION) and, in msdb, a user (SELECT on the four tables that are read). Nobody can log
--   in as these: they lend their rights to the signed procedures while these run. A procedure that is changed loses the
--   signature, and with it the rights.
-- remove_procedures.sql takes all of it away.
--
-- Then make the login that collects; it needs no right but this role (not in Azure SQL Database: CREATE USER … WITH PASSWORD):
--   CREATE LOGIN vitals WITH PASSWORD = N'…';
--   CREATE USER vitals FOR LOGIN vitals;
--   ALTER ROLE vitals_collector ADD MEMBER vitals;
-- and in PostgreSQL: SELECT vitals.add_server('sql01', …, options => '{"mode": "procedures"}');

SET NOCOUNT ON;
-- Kept with each procedure; sqlcmd has them off.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO

IF SCHEMA_ID(N'vitals') IS NULL EXEC (N'CREATE SCHEMA vitals AUTHORIZATION dbo;');
IF DATABASE_PRINCIPAL_ID(N'vitals_collector') IS NULL EXEC (N'CREATE ROLE vitals_collector AUTHORIZATION dbo;');
GO

-- Those that are there, with their signatures.
DECLARE @statement nvarchar(max) = N'';
SELECT @statement = @statement + N'DROP PROCEDURE vitals.' + QUOTENAME(p.name) + N'; '
FROM sys.procedures AS p
WHERE p.schema_id = SCHEMA_ID(N'vitals') AND p.name LIKE N'collect[_]%';
EXEC sys.sp_executesql @statement;
GO

-- {{procedures}}

-- Nothing depends on the former certificate any more.
IF CONVERT(int, SERVERPROPERTY('EngineEdition')) <> 5
    EXEC (N'IF SUSER_ID(N''vitals_signing'') IS NOT NULL DROP LOGIN vitals_signing;');
IF DATABASE_PRINCIPAL_ID(N'vitals_signing') IS NOT NULL EXEC (N'DROP USER vitals_signing;');
IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N'vitals_signing') EXEC (N'DROP CERTIFICATE vitals_signing;');
IF CONVERT(int, SERVERPROPERTY('EngineEdition')) <> 5
    EXEC (N'USE master;
        IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N''vitals_signing'') DROP CERTIFICATE vitals_signing;
        USE msdb;
        IF DATABASE_PRINCIPAL_ID(N''vitals_signing'') IS NOT NULL DROP USER vitals_signing;
        IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N''vitals_signing'') DROP CERTIFICATE vitals_signing;');
GO

-- The password is needed until the key is removed, and known to nobody.
DECLARE @password nvarchar(100) = N'a1!A' + CONVERT(nvarchar(36), NEWID()) + CONVERT(nvarchar(36), NEWID()),
    @statement nvarchar(max),
    @public_key nvarchar(max),
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition'));
SET @statement = N'CREATE CERTIFICATE vitals_signing ENCRYPTION BY PASSWORD = N''' + @password
    + N''' WITH SUBJECT = N''pg_vitals: signs the procedures of schema vitals'', EXPIRY_DATE = ''20991231'';';
EXEC sys.sp_executesql @statement;

SET @statement = N'';
SELECT @statement = @statement + N'ADD SIGNATURE TO vitals.' + QUOTENAME(p.name)
    + N' BY CERTIFICATE vitals_signing WITH PASSWORD = N''' + @password + N'''; '
FROM sys.procedures AS p
WHERE p.schema_id = SCHEMA_ID(N'vitals') AND p.name LIKE N'collect[_]%';
EXEC sys.sp_executesql @statement;

EXEC (N'ALTER CERTIFICATE vitals_signing REMOVE PRIVATE KEY;');

IF @edition = 5
    EXEC (N'CREATE USER vitals_signing FROM CERTIFICATE vitals_signing; GRANT VIEW DATABASE STATE TO vitals_signing;');
ELSE
BEGIN
    -- A login is made of a certificate in master, and a user of one in its own database: the public key is enough.
    SET @public_key = CONVERT(nvarchar(max), CERTENCODED(CERT_ID(N'vitals_signing')), 1);
    SET @statement = N'';
    IF DB_ID() <> 1
        SET @statement = N'USE master; CREATE CERTIFICATE vitals_signing FROM BINARY = ' + @public_key + N'; ';
    SET @statement = @statement + N'USE master; CREATE LOGIN vitals_signing FROM CERTIFICATE vitals_signing;
        GRANT VIEW SERVER STATE TO vitals_signing; GRANT VIEW ANY DEFINITION TO vitals_signing; ';
    IF DB_ID() <> 4
        SET @statement = @statement + N'USE msdb; CREATE CERTIFICATE vitals_signing FROM BINARY = ' + @public_key + N'; ';
    SET @statement = @statement + N'USE msdb; CREATE USER vitals_signing FROM CERTIFICATE vitals_signing;
        GRANT SELECT ON dbo.backupset TO vitals_signing; GRANT SELECT ON dbo.sysjobs TO vitals_signing;
        GRANT SELECT ON dbo.sysjobservers TO vitals_signing; GRANT SELECT ON dbo.sysjobactivity TO vitals_signing;';
    EXEC sys.sp_executesql @statement;
END;

GRANT EXECUTE ON SCHEMA::vitals TO vitals_collector;
GO
