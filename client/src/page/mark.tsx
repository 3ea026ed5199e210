/** The page's mark, the one that stands in the tab. */
export function Mark() {
  return <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" />;
}
