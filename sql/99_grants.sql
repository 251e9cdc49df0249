-- Nobody but the owner gets anything; vitals.create_tenant grants a tenant's role what it needs, and vitals.setup_rest.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vitals, vitals_api FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA vitals, vitals_api FROM PUBLIC;
REVOKE ALL ON SCHEMA vitals, vitals_api FROM PUBLIC;
