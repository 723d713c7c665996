import { client } from "./client";

/** The nouns that an administrator can hold. */
export type Holdable = "key-managers" | "applications" | "subscriptions" | "oauth-clients";

// The routes of the four nouns are alike; one stands for all.
const address = (noun: Holdable) => `/api/v1/${noun}/{name}/hold` as "/api/v1/applications/{name}/hold";
const liftAddress = (noun: Holdable) => `/api/v1/${noun}/{name}/unhold` as "/api/v1/applications/{name}/unhold";

/** Switches an object off on every gateway, whatever a manifest says. until is an RFC 3339 time. */
export async function hold(tenant: string, noun: Holdable, name: string, reason: string, until?: string): Promise<void> {
  await client.POST(address(noun), {
    params: { path: { name }, query: { tenant } },
    body: { reason, ...(until !== undefined && { until }) },
  });
}

/** Lifts a hold. */
export async function unhold(tenant: string, noun: Holdable, name: string): Promise<void> {
  await client.POST(liftAddress(noun), { params: { path: { name }, query: { tenant } } });
}
