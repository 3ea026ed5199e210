/** The logo, which is also the page's icon. */
export function Logo() {
  return <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" />;
}
