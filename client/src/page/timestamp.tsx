const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A time in the reader's time zone, with the date unless it is today. */
export function Timestamp({ value }: { value: string }) {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return null;
  const isToday = date.toDateString() === new Date().toDateString();
  return (
    <time dateTime={value} title={DATE_AND_TIME.format(date)}>
      {(isToday ? TIME : DATE_AND_TIME).format(date)}
    </time>
  );
}
