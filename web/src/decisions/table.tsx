import { Anchor, Text, useMatches } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, useLocation } from "react-router";

import { callOf, type Decision } from "../api/decisions";
import { seesGateways } from "../session/areas";
import { useSession } from "../session/session";
import { useAddress, useArea } from "../shell/place";
import { texts } from "../texts";
import { StateBadge } from "../ui/state-badge";
import { ObjectLink } from "../ui/object-link";
import { DataTable, type Column } from "../ui/table";
import { Clock } from "../ui/time";

const words = texts.admin.decisions;

interface Props {
  label: string;
  rows: Decision[] | undefined;
  error: Error | null;
  again?: () => void;
  /** What all of them have in common. */
  without?: "gateway";
  empty: ReactNode;
}

/** Decisions, each with the way to its steps. A row is the place of whichever decision comes there: nothing moves when one does. */
export function DecisionTable({ without, ...list }: Props) {
  const sees = seesGateways(useSession());
  const hidden = without ?? (sees ? undefined : "gateway");
  const minWidth = useMatches({ base: 340, sm: 760 }, { getInitialValueInEffect: false });
  return <DataTable {...list} minWidth={minWidth} columns={useColumns().filter((c) => hidden === undefined || c.title !== words[hidden])} keyOf={(_, place) => String(place)} />;
}

// Each call is one line, and each column keeps its width: what comes moves nothing.
function useColumns(): Column<Decision>[] {
  const to = useAddress();
  const area = useArea();
  const { search } = useLocation();
  return [
    { title: words.when, width: "7.3rem", cell: (d) => <Clock at={d.at} /> },
    {
      title: words.outcome,
      width: "14rem",
      cell: (d) => (
        <>
          <Anchor component={Link} to={to(area, "decisions", d.decision)} state={{ search }}>
            <StateBadge tone={d.code ? "bad" : "good"}>{d.code || words.passed}</StateBadge>
          </Anchor>
          <Text size="xs" c="dimmed" truncate="end" hiddenFrom="sm">{callOf(d)}</Text>
        </>
      ),
    },
    { title: words.call, wide: true, width: "auto", cell: (d) => <Line>{callOf(d)}</Line> },
    { title: words.keyManager, wide: true, width: "7.8rem", cell: (d) => d.keyManager && <ObjectLink noun="key-managers" name={d.keyManager} /> },
    { title: words.application, wide: true, width: "7.5rem", cell: (d) => d.application && <ObjectLink noun="applications" name={d.application} /> },
    { title: words.gateway, wide: "lg", width: "9%", cell: (d) => <Line>{d.gateway ?? ""}</Line> },
    { title: words.id, wide: "lg", width: "12%", cell: (d) => <Line id>{d.decision}</Line> },
  ];
}

// What is longer than its column is read whole by pointing at it. IDs of one gateway begin alike: their ends tell them apart.
function Line({ children, id = false }: { children: string; id?: boolean }) {
  return <Text size={id ? "xs" : "sm"} truncate={id ? "start" : "end"} title={children} {...(id && { ff: "monospace" })}>{children}</Text>;
}
