-- Nobody but the owner gets anything; vitals.create_tenant grants a tenant's role what it needs.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vitals FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA vitals FROM PUBLIC;
REVOKE ALL ON SCHEMA vitals FROM PUBLIC;
