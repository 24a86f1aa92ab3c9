namespace AiChat.Tests.Architecture;

/// <summary>A room by its name, and the namespaces or single types it holds: its own, unless others are named.</summary>
internal sealed record Room(string Name, params string[] Holds)
{
    public static implicit operator Room(string name) => new(name, name);
}

/// <summary>The rooms of a layer, lowest first, and the layers below that it may use.</summary>
internal sealed record Layer(string Name, string[] Uses, Room[] Rooms);

/// <summary>Where each type stands, and whether it refers only to its own room and to what is below it.</summary>
/// <param name="root">The namespace that all names of rooms and of what they hold continue.</param>
internal sealed class Floors(string root, Layer[] layers)
{
    /// <summary>The house. A room may use only those before it in its list; a layer only the layers it names.</summary>
    public static readonly Layer[] Intended =
    [
        new("Data", [],
        [
            "Data", "Data.Audit", "Data.Accounts", "Data.Catalog", "Data.Images", "Data.Traces", "Data.Chats", "Data.Runs", "Data.Sqlite",
        ]),
        new("Providers", [],
        [
            "Providers.Transport", "Providers.Protocol", "Providers.OpenAi", "Providers.Anthropic", "Providers.Google", "Providers.Ollama",
            "Providers.Demo", "Providers.Search", "Providers",
        ]),
        new("Endpoints", ["Data", "Providers"],
        [
            "ServerOptions", "Endpoints.Secrets", "Endpoints.Settings", "Endpoints.Http", "Endpoints.Auth", "Endpoints.Images",
            "Endpoints.Housekeeping", "Endpoints.Catalog", "Endpoints.Traces", "Endpoints.Calls", "Endpoints.Runs", "Endpoints.Compat",
            "Endpoints.Chat", "Endpoints.Admin", "Endpoints.Accounts",
        ]),
        new("Commands", ["Data", "Providers", "Endpoints"], [new("Commands", "Commands", "Program")]),
    ];

    /// <summary>Where the tree is on its way there: one floor for the rooms of Endpoints that still refer to each other in a circle.</summary>
    public static readonly Layer[] Present =
    [
        new("Data", [], ["Data"]),
        new("Providers", [], ["Providers", "Providers.Search"]),
        new("Endpoints", ["Data", "Providers"],
        [
            new("Endpoints", "Endpoints", "Endpoints.Chat", "Endpoints.Http", "Endpoints.Tracing", "Endpoints.V1", "ServerOptions"),
        ]),
        new("Commands", ["Data", "Providers", "Endpoints"], [new("Commands", "Commands", "Program")]),
    ];

    private readonly Dictionary<string, (Layer Layer, int Floor)> _places = (
        from layer in layers
        from room in layer.Rooms.Index()
        from held in room.Item.Holds
        select (held, place: (layer, room.Index))).ToDictionary(item => item.held, item => item.place);

    /// <summary>The floors from the lowest, each with the number of types that stand on it.</summary>
    public IEnumerable<string> Print(IReadOnlyCollection<Type> types) =>
        from layer in layers
        from line in layer.Rooms.Index()
            .Select(room => $"  {room.Index + 1,2}. {room.Item.Name}: {types.Count(type => Place(type) == (layer, room.Index))} types")
            .Prepend(layer.Uses.Length == 0 ? $"{layer.Name}, uses no other layer" : $"{layer.Name}, uses {string.Join(", ", layer.Uses)}")
        select line;

    /// <summary>Types that stand in no list, and entries of the lists that hold no type.</summary>
    public IEnumerable<string> Gaps(IReadOnlyCollection<Type> types)
    {
        var homeless =
            from type in types
            where Place(type) is null
            group type.FullName by type.Namespace into place
            select $"{place.Key} is in no list of floors: {string.Join(", ", place.Take(3))}{(place.Count() > 3 ? $" and {place.Count() - 3} more" : "")}";
        var empty = _places.Keys.Where(held => !types.Any(type => Held(type).Contains(held))).Select(held => $"{root}{held} is in the list of floors and holds no type");
        return homeless.Concat(empty);
    }

    /// <summary>What refers to a room above its own, or to a layer that its own may not use, by the names of both rooms.</summary>
    public ILookup<string, TypeReference> Upwards(IEnumerable<Type> types) => (
        from type in types
        let here = Place(type)
        where here is not null
        from reference in TypeReferences.From(type)
        let there = Place(TypeReferences.Outermost(reference.To))
        where there is not null && !May(here.Value, there.Value)
        select (reference, rooms: $"{Name(here.Value)} may not refer to {Name(there.Value)}")).ToLookup(item => item.rooms, item => item.reference);

    private static bool May((Layer Layer, int Floor) here, (Layer Layer, int Floor) there) =>
        here.Layer == there.Layer ? there.Floor <= here.Floor : here.Layer.Uses.Contains(there.Layer.Name);

    private static string Name((Layer Layer, int Floor) place) => place.Layer.Rooms[place.Floor].Name;

    private (Layer Layer, int Floor)? Place(Type type) => Held(type).Where(_places.ContainsKey).Select(held => ((Layer, int)?)_places[held]).FirstOrDefault();

    /// <summary>Under which names a list may hold a type.</summary>
    private IEnumerable<string> Held(Type type) =>
        new[] { type.FullName!, type.Namespace ?? "" }.Where(name => name.StartsWith(root, StringComparison.Ordinal)).Select(name => name[root.Length..]);
}
