import { NumberInput, Radio, Select, Stack, Text, TextInput, Textarea, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Problem } from "../api/problem";
import type { Question } from "../api/types";

interface Props {
  questions: Question[];
  answers: Record<string, string>;
  problem: Problem | null;
  onAnswer: (key: string, value: string) => void;
}

/** What to ask. Each answer is kept as it is given. */
export function Questionnaire({ questions, answers, problem, onAnswer }: Props) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm" data-testid="questionnaire">
      <Title order={2} fz="md">
        {t("questionnaire.title")}
      </Title>
      {questions.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("questionnaire.none")}
        </Text>
      )}
      {questions.map((question) => (
        <Field
          key={question.key}
          question={question}
          value={answers[question.key] ?? ""}
          error={problemOf(question.key, problem)}
          onAnswer={(value) => onAnswer(question.key, value)}
        />
      ))}
    </Stack>
  );
}

/** What the service said about the answer to this question. */
export function problemOf(key: string, problem: Problem | null): string | null {
  if (!problem) return null;
  const item = problem.errors.find((one) => one.pointer?.split("/").at(-1) === key);
  if (item) return item.detail ?? problem.detail;
  return problem.body["question"] === key || problem.detail.includes(`\`${key}\``) ? problem.detail : null;
}

interface FieldProps {
  question: Question;
  value: string;
  error: string | null;
  onAnswer: (value: string) => void;
}

/** Above so many choices a list to pick from is easier than buttons. */
const RADIO_MAX = 5;

function Field({ question, value, error, onAnswer }: FieldProps) {
  const { t } = useTranslation();
  const { answer } = question;
  const common = {
    label: question.text,
    withAsterisk: question.required,
    error,
    "data-testid": `question-${question.key}`,
  };
  switch (answer.kind) {
    case "choice":
      return answer.options.length <= RADIO_MAX ? (
        <Radio.Group {...common} value={value} onChange={onAnswer}>
          <Stack gap={6} mt={6}>
            {answer.options.map((option) => (
              <Radio key={option} value={option} label={option} />
            ))}
          </Stack>
        </Radio.Group>
      ) : (
        <Select {...common} data={answer.options} value={value || null} onChange={(picked) => onAnswer(picked ?? "")} clearable searchable />
      );
    case "number":
      return (
        <NumberInput
          {...common}
          value={value}
          onChange={(typed) => onAnswer(String(typed))}
          description={range(t, answer.min, answer.max)}
          clampBehavior="none"
          hideControls
        />
      );
    case "date":
      return <TextInput {...common} type="date" value={value} onChange={(event) => onAnswer(event.currentTarget.value)} />;
    case "text":
      return (
        <Textarea
          {...common}
          value={value}
          maxLength={answer.length_max}
          onChange={(event) => onAnswer(event.currentTarget.value)}
          autosize
          minRows={1}
          maxRows={6}
        />
      );
  }
}

function range(t: (key: string, values: Record<string, unknown>) => string, min: number | null, max: number | null) {
  if (min != null && max != null) return t("questionnaire.between", { min, max });
  if (min != null) return t("questionnaire.atLeast", { min });
  if (max != null) return t("questionnaire.atMost", { max });
  return undefined;
}
