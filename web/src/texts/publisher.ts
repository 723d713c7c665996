/** The texts of the publishers' pages. */
export const publisher = {
  nav: { apis: "APIs", plans: "Plans", subscriptions: "Subscriptions", requests: "Requests" },
};
