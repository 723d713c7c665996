/** Where the console is served, with the path prefix of the public URL before it: "/console", "/keyward/console". */
export const consolePath = new URL(document.baseURI).pathname.replace(/\/$/, "");

/** The prefix that every address of the control plane begins with; empty without one. */
export const serverPath = consolePath.replace(/\/console$/, "");

/** The nonce that this page's content security policy lets style elements carry. */
export const styleNonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
