import { Alert, Anchor } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { promiseCounts } from "../api/client";

const AGAIN_MS = 10_000;

/** Says on the wallboard that promised calls are at risk or overdue; nothing where none is. */
export function OwedAlert({ linked }: { linked: boolean }) {
  const { t } = useTranslation();
  const found = useQuery({ queryKey: ["promise-counts"], queryFn: promiseCounts, refetchInterval: AGAIN_MS });
  const counts = Object.values(found.data ?? {});
  const atRisk = counts.reduce((sum, one) => sum + one.at_risk, 0);
  const overdue = counts.reduce((sum, one) => sum + one.overdue, 0);
  if (atRisk + overdue === 0) return null;
  const text = t("promises.alert", { atRisk, overdue });
  return (
    <Alert color={overdue > 0 ? "red" : "orange"} role="status" data-testid="promises-alert">
      {linked ? (
        <Anchor component={Link} to="/promises" inherit>
          {text}
        </Anchor>
      ) : (
        text
      )}
    </Alert>
  );
}
