import { Anchor, Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { compareRevisions } from "../api/client";
import type { CampaignDetail } from "../api/types";
import { moment } from "../format";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { Differences } from "./Differences";

/** Everything that was ever applied for a campaign; each against the one before it. */
export function Revisions({ detail }: { detail: CampaignDetail }) {
  const { t, i18n } = useTranslation();
  const [open, setOpen] = useState<number | null>(null);
  return (
    <Table fz="sm" verticalSpacing={4} data-testid="revisions">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("revisions.number")}</Table.Th>
          <Table.Th>{t("revisions.when")}</Table.Th>
          <Table.Th>{t("revisions.who")}</Table.Th>
          <Table.Th>{t("revisions.why")}</Table.Th>
          <Table.Th />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {detail.revisions.flatMap(({ revision, at, by, why }) => [
          <Table.Tr key={revision}>
            <Table.Td>{revision}</Table.Td>
            <Table.Td>{moment(at, i18n.language)}</Table.Td>
            <Table.Td>{by}</Table.Td>
            <Table.Td>{why}</Table.Td>
            <Table.Td ta="right">
              <Anchor
                component="button"
                type="button"
                fz="sm"
                aria-expanded={open === revision}
                onClick={() => setOpen(open === revision ? null : revision)}
                data-testid={`compare-${revision}`}
              >
                {t(open === revision ? "revisions.hide" : "revisions.show")}
              </Anchor>
            </Table.Td>
          </Table.Tr>,
          open === revision && (
            <Table.Tr key={`${revision}-differences`}>
              <Table.Td colSpan={5}>
                <Compared campaign={detail.campaign.key} to={revision} />
              </Table.Td>
            </Table.Tr>
          ),
        ])}
      </Table.Tbody>
    </Table>
  );
}

function Compared({ campaign, to }: { campaign: string; to: number }) {
  // A revision never changes.
  const compared = useQuery({
    queryKey: ["compare", campaign, to],
    queryFn: () => compareRevisions(campaign, to - 1, to),
    staleTime: Infinity,
  });
  if (compared.isPending) return <Waiting />;
  if (compared.error) return <ProblemAlert error={compared.error} onRetry={() => void compared.refetch()} />;
  return <Differences found={compared.data.differences} />;
}
