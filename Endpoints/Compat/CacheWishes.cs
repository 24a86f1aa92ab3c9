using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Finds how long a request wants its prompt kept, in Anthropic's members, which programs of other protocols use too.</summary>
internal static class CacheWishes
{
    /// <summary>The lists whose entries may be marked, and those inside these.</summary>
    private static readonly string[] Lists = ["system", "messages", "tools", "content", "input"];

    /// <summary>An hour when any mark asks for it, because marks that are written anew last equally long; null = the usual time.</summary>
    public static string? Ttl(JsonElement body) => IsHour(body) ? CacheMark.Hour : null;

    private static bool IsHour(JsonElement holder)
    {
        if (holder.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        if (holder.Child("cache_control").Text("ttl") == CacheMark.Hour || IsHour(holder.Child("function")))
        {
            return true;
        }

        foreach (var name in Lists)
        {
            foreach (var item in holder.Child(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default)
            {
                if (IsHour(item))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
