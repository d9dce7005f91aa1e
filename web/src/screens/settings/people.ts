// Names of users by their ids, for administrators.
import { api, data } from "../../api/client"

export async function people(): Promise<Map<string, string>> {
  const { users } = await data(api.GET("/api/users"))
  return new Map(users.map(({ id, name }) => [id, name]))
}
