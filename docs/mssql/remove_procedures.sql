-- pg_vitals: takes away what install_procedures.sql has made. Run it in the same database, with the same rights. What is not
-- there is passed over. The login that collects is yours: DROP USER vitals; DROP LOGIN vitals;
SET NOCOUNT ON;
SET QUOTED_IDENTIFIER ON;
GO

DECLARE @statement nvarchar(max) = N'';
SELECT @statement = @statement + N'DROP PROCEDURE vitals.' + QUOTENAME(p.name) + N'; '
FROM sys.procedures AS p
WHERE p.schema_id = SCHEMA_ID(N'vitals') AND p.name LIKE N'collect[_]%';
EXEC sys.sp_executesql @statement;

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

DECLARE @statement nvarchar(max) = N'';
SELECT @statement = @statement + N'ALTER ROLE vitals_collector DROP MEMBER ' + QUOTENAME(u.name) + N'; '
FROM sys.database_role_members AS m
INNER JOIN sys.database_principals AS u ON u.principal_id = m.member_principal_id
WHERE m.role_principal_id = DATABASE_PRINCIPAL_ID(N'vitals_collector');
EXEC sys.sp_executesql @statement;
IF DATABASE_PRINCIPAL_ID(N'vitals_collector') IS NOT NULL EXEC (N'DROP ROLE vitals_collector;');
-- Whatever else is in the schema was put there by others.
IF SCHEMA_ID(N'vitals') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sys.objects WHERE schema_id = SCHEMA_ID(N'vitals'))
    EXEC (N'DROP SCHEMA vitals;');
GO
