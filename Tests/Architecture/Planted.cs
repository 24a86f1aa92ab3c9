// A house in small whose rooms are named as the real ones, below a root of their own. In each layer one reference goes upwards within the
// layer, where it has more than one floor, and one to a layer it may not use. All the others are allowed.

namespace AiChat.Tests.Architecture.Planted.Data
{
    internal sealed class Bottom
    {
        public Other? SameRoom { get; init; }

        public static string Upwards() => new Audit.Top().ToString()!;

        public static string ToAnotherLayer() => new Providers.Transport.Bottom().ToString()!;
    }

    internal sealed class Other
    {
        public Bottom? SameRoom { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Data.Audit
{
    internal sealed class Top
    {
        public Bottom? Below { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Providers.Transport
{
    internal sealed class Bottom
    {
        public static string Upwards() => new Demo.Top().ToString()!;

        public static string ToAnotherLayer() => new Data.Bottom().ToString()!;
    }
}

namespace AiChat.Tests.Architecture.Planted.Providers.Demo
{
    internal sealed class Top
    {
        public Transport.Bottom? Below { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Endpoints.Http
{
    internal sealed class Bottom
    {
        public Data.Audit.Top? LayerBelow { get; init; }

        public Providers.Demo.Top? OtherLayerBelow { get; init; }

        public static string Upwards() => new Chat.Top().ToString()!;

        public static string ToAnotherLayer() => new Commands.Top().ToString()!;
    }
}

namespace AiChat.Tests.Architecture.Planted.Endpoints.Chat
{
    internal sealed class Top
    {
        public Http.Bottom? Below { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted
{
    /// <summary>Stands with the commands, by its name.</summary>
    internal sealed class Program
    {
        public Commands.Top? SameRoom { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Commands
{
    internal sealed class Top
    {
        public Program? SameRoom { get; init; }

        public Endpoints.Chat.Top? LayerBelow { get; init; }

        public Data.Bottom? LowestLayer { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Attic
{
    /// <summary>Stands in no list.</summary>
    internal sealed class Forgotten;
}
