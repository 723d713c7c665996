import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { createContext, useContext, useEffect, useRef, type ReactNode, type RefObject } from "react";
import { Link } from "react-router";

import classes from "./page.module.css";

interface Props {
  title: string;
  lead?: ReactNode;
  above?: { to: string; label: string }[];
  beside?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page: where it is, what it is about, what can be done, then its content. */
export function Page({ title, lead, above = [], beside, actions, children }: Props) {
  useDocumentTitle(`${title} · Keyward`);
  const heading = useArrival(title);
  return (
    <Stack gap={24} component="article" maw={1180} mx="auto">
      <Stack gap={4}>
        {above.length > 0 && (
          <Breadcrumbs separatorMargin={6} fz="sm" mb={4}>
            {above.map((step) => (
              <Anchor key={step.to} component={Link} to={step.to} size="sm">
                {step.label}
              </Anchor>
            ))}
          </Breadcrumbs>
        )}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Group gap="sm">
            <Title order={1} size="h2" ref={heading} tabIndex={-1} className={classes.title} style={{ overflowWrap: "anywhere" }}>
              {title}
            </Title>
            {beside}
          </Group>
          {actions && <Group gap="xs" className={classes.actions}>{actions}</Group>}
        </Group>
        {lead && (
          <Text c="dimmed" size="sm" maw={720} mt={4}>
            {lead}
          </Text>
        )}
      </Stack>
      {children}
    </Stack>
  );
}

/** Whether no page was shown yet since the console was loaded. The shell holds it, pages change it. */
export const LoadedContext = createContext<RefObject<boolean>>({ current: false });

// Whoever comes to a page within the console begins at its heading, as after loading one; its tabs are no pages of their own.
function useArrival(title: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  const loadedRef = useContext(LoadedContext);
  useEffect(() => {
    // The page that was loaded begins at its top; an address that names a part of the page leads there.
    if (!loadedRef.current && location.hash === "") heading.current?.focus({ preventScroll: true });
    loadedRef.current = false;
  }, [title, loadedRef]);
  return heading;
}

/** A part of a page with a heading. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <Stack gap="sm" component="section" className={classes.section}>
      <Group justify="space-between" gap="sm">
        <Title order={2} size="h4">
          {title}
        </Title>
        <Group gap="xs">{actions}</Group>
      </Group>
      {children}
    </Stack>
  );
}
