'use strict';

// The engine stops 5 s before the end of a lease. The leases of the harness are shorter than options allow: there it is a third.
const ENGINE_MARGIN_MS = 5000;

/** When the engine stops a job, from the beginning of its lease. */
const stopMs = (leaseMs) => Math.max(leaseMs - ENGINE_MARGIN_MS, (leaseMs * 2) / 3);

/** What the engine is told more than the lease, so that it stops then. */
const slackMs = (leaseMs) => stopMs(leaseMs) - (leaseMs - ENGINE_MARGIN_MS);

module.exports = { stopMs, slackMs };
