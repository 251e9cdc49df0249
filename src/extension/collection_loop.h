// What a collector does all day: walks the tenants, has their probers poll what is due, and stores what comes back.
#pragma once

namespace vitals::ext {

// Serves the current database until collection_must_return() says so. Never holds a transaction while it waits, never
// touches the network. Throws pg::ServerError or std::runtime_error for what no tenant is to blame for.
void run_collection();

}  // namespace vitals::ext
