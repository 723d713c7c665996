import { createBrowserRouter, type RouteObject } from "react-router";

import { adminRoutes } from "./admin/routes";
import { consolePath } from "./base";
import { developerRoutes } from "./developer/routes";
import { publisherRoutes } from "./publisher/routes";
import { Home } from "./session/home";
import { SignedIn } from "./session/signed-in";
import { Crash } from "./shell/crash";
import { Missing } from "./shell/missing";
import { Loading } from "./ui/loading";
import { AreaGuard } from "./shell/guards";

const routes: RouteObject[] = [
  {
    element: <SignedIn />,
    errorElement: <Crash />,
    hydrateFallbackElement: <Loading />,
    children: [
      { index: true, element: <Home /> },
      {
        path: ":tenant",
        errorElement: <Crash />,
        children: [
          { index: true, element: <Home /> },
          { path: "admin", element: <AreaGuard area="admin" />, children: adminRoutes },
          { path: "publisher", element: <AreaGuard area="publisher" />, children: publisherRoutes },
          { path: "developer", element: <AreaGuard area="developer" />, children: developerRoutes },
          { path: "sessions", lazy: async () => ({ Component: (await import("./session/your-sessions")).YourSessions }) },
          { path: "*", element: <Missing /> },
        ],
      },
    ],
  },
];

/** Every page's address. Pages come in files of their own, fetched when they are first looked at. */
export const router = createBrowserRouter(routes, { basename: consolePath });
