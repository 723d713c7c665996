/** The texts of the developers' pages. */
export const developer = {
  nav: { catalog: "APIs", applications: "Applications" },
};
